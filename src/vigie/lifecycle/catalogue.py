"""What features there are: their meaning, what they are made of, who uses them, and what they are worth.

Everything is read from the definitions, the contracts, the registry and the lake; nobody writes it down a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from vigie.bundle import Bundle, load_bundle
from vigie.definition import Events, Expression, Feature, Kind, Table
from vigie.definition.aggregate import Aggregate, EventColumn, spell
from vigie.definition.portable import to_data
from vigie.definition.related import Related, own_sources, related_sources
from vigie.definition.source import Column
from vigie.errors import BundleError, DefinitionError, RegistryError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from vigie.definition import Schema, Score
    from vigie.lifecycle.project import Project

CHAMPION = "champion"


@dataclass(frozen=True, eq=False)
class SourceUse:
    """A source as a feature reads it.

    Attributes:
        name: Of the source.
        kind: ``"events"`` or ``"table"``.
        key: Column that names the customer, or the entity where *related*.
        columns: Kinds, by the contract, of the columns that are read.
        location: Where it is, without secrets; empty where ``vigie.toml`` does not say.
        related: Whether it is of what a customer belongs to.
    """

    name: str
    kind: str
    key: str
    columns: Mapping[str, Kind]
    location: str
    related: bool


@dataclass(frozen=True, eq=False)
class Use:
    """A score that has the feature.

    Attributes:
        score: Its name.
        versions: Registered versions whose bundles have this very definition.
        champion: The version in use, if it is among them.
        importance: Drop in test AUC of the champion when the feature is shuffled.
        spread: Standard deviation of that drop.
        rank: 1 for the most important feature of the champion.
        ranked: Number of features that were ranked.
    """

    score: str
    versions: tuple[int, ...] = ()
    champion: int | None = None
    importance: float | None = None
    spread: float | None = None
    rank: int | None = None
    ranked: int = 0


@dataclass(frozen=True, eq=False)
class FeatureEntry:
    """A feature of the project.

    Attributes:
        name: Its name.
        meaning: A sentence.
        kind: What its values are.
        fingerprint: Of its definition.
        definition: The expression as plain data.
        windows: Lengths of the windows it looks back over, in words; ``"all of history"`` for one without end; none for
            what is known at the moment.
        sources: What it reads.
        owner: Who answers for it: its own owner, or the score's; empty where nobody was named.
        uses: The scores that have it.
        profile: Its distribution in training of the champion, see :func:`vigie.bundle.profile_of`; ``None`` where it was
            not trained with.
        quantiles_at: Shares that the profile's quantiles belong to.
    """

    name: str
    meaning: str
    kind: Kind
    fingerprint: str
    definition: Mapping[str, Any]
    windows: tuple[str, ...]
    sources: tuple[SourceUse, ...]
    owner: str
    uses: tuple[Use, ...]
    profile: Mapping[str, Any] | None = None
    quantiles_at: tuple[float, ...] = ()

    @property
    def importance(self) -> float | None:
        """The highest importance in a champion."""
        return max((use.importance for use in self.uses if use.importance is not None), default=None)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "meaning": self.meaning,
            "kind": str(self.kind),
            "fingerprint": self.fingerprint,
            "windows": list(self.windows),
            "owner": self.owner,
            "sources": [
                {
                    "name": s.name,
                    "kind": s.kind,
                    "key": s.key,
                    "columns": {name: str(kind) for name, kind in s.columns.items()},
                    "location": s.location,
                    "related": s.related,
                }
                for s in self.sources
            ],
            "scores": [
                {
                    "score": u.score,
                    "versions": list(u.versions),
                    "champion": u.champion,
                    "importance": u.importance,
                    "spread": u.spread,
                    "rank": u.rank,
                    "ranked": u.ranked,
                }
                for u in self.uses
            ],
            "profile": self.profile,
            "definition": self.definition,
        }


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new a source is in the lake.

    Attributes:
        newest: Moment of the newest event or known row; for a table that does not say, of the newest delivery, µs;
            ``None``: the lake has no row.
        age: µs from there to now; negative where the newest lies in the future.
        rows: In the lake.
        version: Of the lake.
    """

    newest: int | None
    age: int | None
    rows: int
    version: int


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All features of a project.

    Attributes:
        entries: In the order of the scores, each definition once.
        scores: Names of the scores they are of.
    """

    entries: tuple[FeatureEntry, ...]
    scores: tuple[str, ...]

    def entry(self, name: str) -> FeatureEntry:
        """The feature called *name*, or with that fingerprint.

        Raises:
            DefinitionError: There is none, or two scores mean different things by it.
        """
        found = [entry for entry in self.entries if name in (entry.name, entry.fingerprint)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(f"{e.fingerprint} ({', '.join(u.score for u in e.uses)})" for e in found)
            raise DefinitionError(f"'{name}' is the name of several features", remedy=f"say which: {listed}")
        raise DefinitionError(f"no feature '{name}'", remedy=did_you_mean(name, [e.name for e in self.entries]))


@dataclass(eq=False)
class _Found:
    feature: Feature
    kind: Kind
    owner: str
    sources: tuple[SourceUse, ...]
    uses: list[Use] = field(default_factory=list)
    profile: Mapping[str, Any] | None = None
    quantiles_at: tuple[float, ...] = ()


def catalogue(project: Project, score: str | None = None) -> Catalogue:
    """The features of a project, or of one of its scores.

    Raises:
        ContractError: A source was not ingested yet, so that the kinds are not known.
        DefinitionError: No such score.
    """
    chosen = list(project.scores.values()) if score is None else [project.score(score)]
    found: dict[tuple[str, str], _Found] = {}
    for declared in chosen:
        schema = project.schema(declared)
        bound = declared.bound(schema)
        trained = _trained(project, declared.name)
        for feature in bound.bound_features:
            key = (feature.name, feature.fingerprint)
            if key not in found:
                sources = tuple(_sources(project, feature, schema))
                found[key] = _Found(feature, feature.kind(schema), feature.owner or bound.owner, sources)
            _use(found[key], feature, bound, trained)
    entries = tuple(_entry(one) for one in found.values())
    return Catalogue(entries, tuple(one.name for one in chosen))


def _entry(one: _Found) -> FeatureEntry:
    feature = one.feature
    return FeatureEntry(
        name=feature.name,
        meaning=feature.description,
        kind=one.kind,
        fingerprint=feature.fingerprint,
        definition=to_data(feature),
        windows=windows_of(feature),
        sources=one.sources,
        owner=one.owner,
        uses=tuple(one.uses),
        profile=one.profile,
        quantiles_at=one.quantiles_at,
    )


def windows_of(feature: Feature) -> tuple[str, ...]:
    """The lengths that a feature looks back over, in words, the longest first."""
    lengths = {node.window for node in feature.walk() if isinstance(node, Aggregate)}
    bounded = sorted((w for w in lengths if w is not None), reverse=True)
    return tuple((["all of history"] if None in lengths else []) + [spell(window) for window in bounded])


# -- sources ---------------------------------------------------------------------------------------------------------


def _sources(project: Project, feature: Feature, schema: Schema) -> Iterable[SourceUse]:
    columns: dict[str, set[str]] = {}
    for node in _nodes(feature):
        if isinstance(node, Column | EventColumn):
            columns.setdefault(node.source.name, set()).add(node.reads)
    for related, sources in ((False, own_sources([feature])), (True, related_sources([feature]))):
        for name, source in sources.items():
            kinds = schema.get(name, {})
            read = sorted(columns.get(name, set()) | _time_columns(source))
            yield SourceUse(
                name,
                "events" if isinstance(source, Events) else "table",
                source.key,
                {column: kinds[column] for column in read if column in kinds},
                location_of(project, name),
                related,
            )


def _nodes(feature: Feature) -> Iterable[Expression]:
    for node in feature.walk():
        yield node
        if isinstance(node, Related):
            yield from node.inner.walk()


def _time_columns(source: Table | Events) -> set[str]:
    found = {source.known_at} | ({source.time} if isinstance(source, Events) else set())
    return {column for column in found if column is not None}


def location_of(project: Project, name: str) -> str:
    """Where a source is, without secrets; empty where ``vigie.toml`` does not say."""
    try:
        return project.location(name).place()
    except SettingsError:
        return ""


def freshness(project: Project, source: Table | Events) -> Freshness:
    """How new *source* is in the lake.

    Raises:
        DataError: The lake has no such table.
    """
    import polars as pl

    column = source.time if isinstance(source, Events) else source.known_at
    version = project.lake.version(source.name)
    rows = project.lake.scan(source.name, version=version)
    newest = pl.col(column or "_ingested_at").max().dt.timestamp("us")
    moment, count = rows.select(newest.alias("newest"), rows=pl.len()).collect().row(0)
    age = None if moment is None else project.clock.now() - int(moment)
    return Freshness(moment, age, int(count), version)


# -- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Trained:
    """What the registry knows of a score: fingerprints by version, and the champion."""

    fingerprints: Mapping[int, frozenset[tuple[str, str]]]
    champion: int | None = None
    bundle: Bundle | None = None


class _Definition(msgspec.Struct):
    features: list[dict[str, Any]]


def _trained(project: Project, name: str) -> _Trained:
    registry = project.registry
    if name not in registry.names():
        return _Trained({})
    fingerprints: dict[int, frozenset[tuple[str, str]]] = {}
    champion, bundle = None, None
    for version in registry.versions(name):
        try:
            folder = registry.bundle_path(version)
            if CHAMPION in version.aliases:
                champion, bundle = version.version, load_bundle(folder)
            # Of other versions only the definition is read: checking every model of a long history takes minutes.
            stored = msgspec.json.decode((folder / "definition.json").read_bytes(), type=_Definition)
        except (RegistryError, BundleError, OSError, msgspec.MsgspecError):
            continue  # its artefacts are gone or of another generation: it cannot say what it is made of
        features = ((str(f.get("name")), str(f.get("fingerprint"))) for f in stored.features)
        fingerprints[version.version] = frozenset(features)
    return _Trained(fingerprints, champion, bundle)


def _use(found: _Found, feature: Feature, score: Score, trained: _Trained) -> None:
    key = (feature.name, feature.fingerprint)
    versions = tuple(sorted(v for v, features in trained.fingerprints.items() if key in features))
    if trained.champion is None or trained.champion not in versions or trained.bundle is None:
        found.uses.append(Use(score.name, versions))
        return
    importances: Mapping[str, Any] = trained.bundle.metrics.get("importance") or {}
    drops = {name: one["drop"] for name, one in importances.items() if one.get("drop") is not None}
    ranking = sorted(drops, key=lambda name: (-drops[name], name))
    rank = ranking.index(feature.name) + 1 if feature.name in drops else None
    spread = importances.get(feature.name, {}).get("spread")
    found.uses.append(Use(score.name, versions, trained.champion, drops.get(feature.name), spread, rank, len(ranking)))
    if found.profile is None:
        found.profile = trained.bundle.profile.get("features", {}).get(feature.name)
        found.quantiles_at = tuple(trained.bundle.profile.get("quantiles_at", ()))
