"""Search of hyper-parameters: planned in advance, kept in a database, the same however many take part."""

from vigie.training.search.board import StudyPlace
from vigie.training.search.news import SearchNews, Tell
from vigie.training.search.search import FINAL_ROWS, join, search, study_name
from vigie.training.search.studies import Study, studies

__all__ = ["FINAL_ROWS", "SearchNews", "Study", "StudyPlace", "Tell", "join", "search", "studies", "study_name"]
