"""The registry of features as a page: every feature with its meaning, sources, worth and distribution.

The page is complete without its few lines of script, which only hide what a search does not match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vigie.clock import DAY, iso
from vigie.report.blocks import Head, badge, facts, table, tiles
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.page import Section, page

if TYPE_CHECKING:
    from vigie.lifecycle.catalogue import Catalogue, FeatureEntry, Freshness, SourceUse, Use
    from vigie.lifecycle.project import Project

NOTHING = "–"
_SHOWN = {0.05: "5 %", 0.25: "25 %", 0.5: "median", 0.75: "75 %", 0.95: "95 %"}


def feature_page(project: Project, found: Catalogue, fresh: Mapping[str, Freshness]) -> str:
    """The whole page.

    Args:
        project: Whose features they are; tells the moment, and the questions of its scores.
        found: The features.
        fresh: How new each source is, by name.
    """
    owned = sum(bool(entry.owner) for entry in found.entries)
    top = tiles(
        [
            (f"{len(found.entries):,}", "feature" if len(found.entries) == 1 else "features"),
            (f"{len(fresh):,}", "source" if len(fresh) == 1 else "sources"),
            (f"{len(found.scores):,}", "score" if len(found.scores) == 1 else "scores"),
            (f"{owned:,}", "with an owner"),
        ]
    )
    style = Html(f"<style>{_asset('features.css')}</style>")
    script = Html(f"<script>{_asset('features.js')}</script>")
    best = max((entry.importance or 0.0 for entry in found.entries), default=0.0)
    groups = join(*(_group(name, entries, best) for name, entries in _grouped(found.entries).items()))
    sections = [
        Section("features", "Features", join(style, top, _search(len(found.entries)), groups, script)),
        Section("sources", "Sources", _sources(found.entries, fresh)),
        Section("scores", "Scores", _scores(project, found)),
    ]
    when = iso(project.clock.now() // 60_000_000 * 60_000_000).replace("T", " ").replace(":00Z", " UTC")
    subtitle = f"{', '.join(found.scores)} · from the definitions, contracts and models of {when}"
    return page("Features", sections, subtitle=subtitle, footer="Written by vigie features page.")


def _asset(name: str) -> str:
    return files("vigie.lifecycle").joinpath("templates", name).read_text("utf-8")


def _grouped(entries: Sequence[FeatureEntry]) -> dict[str, list[FeatureEntry]]:
    """The features of each source; those of several stand with the first."""
    found: dict[str, list[FeatureEntry]] = {}
    for entry in entries:
        found.setdefault(entry.sources[0].name if entry.sources else "the moment", []).append(entry)
    return dict(sorted(found.items()))


def _search(count: int) -> Html:
    field = tag(
        "input",
        type="search",
        id="find",
        placeholder="Search by name, meaning, column, owner, score …",
        aria_label="Search features",
        autocomplete="off",
    )
    count_shown = tag("span", f"{count:,} of {count:,}", id="found", role="status")
    order = tag(
        "select",
        tag("option", "as declared", value=""),
        tag("option", "by importance", value="importance"),
        tag("option", "by name", value="name"),
        id="order",
        aria_label="Order",
    )
    # Without a script there is nothing to search with, and nothing hidden.
    return tag("div", field, order, count_shown, class_="finder", hidden=True)


def _group(name: str, entries: Sequence[FeatureEntry], best: float) -> Html:
    heading = tag("h3", name, " ", tag("span", f"{len(entries):,}", class_="quiet small"))
    return tag("div", heading, *(_feature(entry, best) for entry in entries), class_="group")


def _feature(entry: FeatureEntry, best: float) -> Html:
    words = " ".join(
        [
            entry.name, entry.meaning, str(entry.kind), entry.owner, entry.fingerprint,
            *(use.score for use in entry.uses),
            *(f"{s.name} {' '.join(s.columns)}" for s in entry.sources),
        ]
    ).lower()  # fmt: skip
    worth = _bar(entry.importance, best)
    summary = tag(
        "summary",
        tag("span", tag("b", entry.name), class_="name"),
        tag("span", str(entry.kind), class_="kind"),
        tag("span", ", ".join(entry.windows) or "at the moment", class_="window"),
        worth,
    )
    pairs: list[tuple[Content, Content]] = [
        ("Owner", entry.owner or "nobody was named"),
        *(("Reads", _reads(source)) for source in entry.sources),
        *(("Used by", _used(use)) for use in entry.uses),
        ("Fingerprint", code(entry.fingerprint)),
    ]
    body = [tag("p", entry.meaning), facts(pairs)]
    if entry.profile is not None:
        body.append(_distribution(entry.profile, entry.quantiles_at))
    return tag(
        "details",
        summary,
        tag("div", *body, class_="about"),
        class_="feature",
        id=f"f-{entry.name}-{entry.fingerprint[:6]}",
        data_find=words,
        data_name=entry.name,
        data_importance=f"{entry.importance if entry.importance is not None else -1:.6f}",
    )


def _bar(importance: float | None, best: float) -> Html:
    if importance is None:
        return tag("span", NOTHING, class_="worth quiet", title="not in a champion")
    width = max(100 * importance / best, 0.0) if best > 0 else 0.0
    inside = tag("i", style=f"width:{width:.1f}%")
    said = f"AUC falls by {four(importance)} when its values are shuffled"
    return tag("span", tag("span", inside, class_="track"), four(importance), class_="worth", title=said)


def _reads(source: SourceUse) -> Html:
    columns: list[Content] = []
    for column, kind in source.columns.items():
        columns += [code(column), f" {kind}, "]
    listed = join(*columns[:-1], str(columns[-1]).removesuffix(", ")) if columns else "how many there are"
    whose = f" ({source.kind} by {source.key}{', of what the customer belongs to' if source.related else ''}): "
    return join(tag("b", source.name), whose, listed)


def _used(use: Use) -> Html:
    if use.champion is None:
        return join(tag("b", use.score), ", in no champion")
    worth = ""
    if use.importance is not None:
        worth = f": AUC falls by {four(use.importance)} ± {use.spread or 0:.4f} without it, {use.rank} of {use.ranked}"
    return join(tag("b", use.score), f", version {use.champion} in use{worth}")


def _distribution(profile: Mapping[str, Any], at: Sequence[float]) -> Html:
    head = tag("p", f"In training {_percent(profile['missing'])} of the values were missing.", class_="quiet small")
    if "categories" in profile:
        counts = sorted(profile["categories"].items(), key=lambda pair: (-pair[1], pair[0]))[:6]
        total = sum(profile["categories"].values()) + profile.get("other", 0)
        rows = [
            tag(
                "li",
                tag("span", text, class_="text"),
                tag("span", tag("i", style=f"width:{100 * count / max(counts[0][1], 1):.1f}%"), class_="track"),
                tag("span", _percent(count / max(total, 1)), class_="share"),
            )
            for text, count in counts
        ]
        more = profile["distinct"] - len(counts)
        rest = [tag("li", f"and {more:,} more", class_="quiet small")] if more > 0 else []
        return join(head, tag("ul", *rows, *rest, class_="shares"))
    quantiles = dict(zip(at, profile.get("quantiles") or [], strict=False))
    if not quantiles:
        return head
    shown = _day if profile.get("kind") == "time" else _number
    ticks = tag(
        "ul",
        *(tag("li", tag("b", shown(quantiles[share])), tag("span", words)) for share, words in _SHOWN.items()),
        class_="ticks",
    )
    return join(head, _box(quantiles), ticks)


def _box(quantiles: Mapping[float, float]) -> Html:
    """A line from the 5 % to the 95 % quantile, a box over the middle half, a mark at the median."""
    low, high = quantiles[0.05], quantiles[0.95]
    if not high > low:
        return Html("")

    def x(value: float) -> float:
        return 2 + 316 * (value - low) / (high - low)

    left, middle, right = (x(quantiles[share]) for share in (0.25, 0.5, 0.75))
    marks = (
        f'<line x1="2" x2="318" y1="9" y2="9"/><rect x="{left:.1f}" y="3" width="{max(right - left, 1):.1f}" height="12"/>'
        f'<line class="median" x1="{middle:.1f}" x2="{middle:.1f}" y1="1" y2="17"/>'
    )
    return Html(
        f'<svg class="box" viewBox="0 0 320 18" preserveAspectRatio="none" role="img" aria-label="distribution">{marks}</svg>'
    )


def _sources(entries: Sequence[FeatureEntry], fresh: Mapping[str, Freshness]) -> Html:
    heads = [
        Head("Source", number=False),
        Head("Features"),
        Head("Rows"),
        Head("Newest", number=False),
        Head("Age", number=False),
        Head("Columns read", number=False, words=True),
        Head("Location", number=False, words=True),
    ]
    rows: list[list[Content]] = []
    for name, found in sorted(fresh.items()):
        uses = [source for entry in entries for source in entry.sources if source.name == name]
        columns = dict(sorted({c: k for use in uses for c, k in use.columns.items()}.items()))
        rows.append(
            [
                name,
                f"{sum(any(s.name == name for s in e.sources) for e in entries):,}",
                f"{found.rows:,}",
                NOTHING if found.newest is None else _together(iso(found.newest)[:16].replace("T", " ")),
                _together(_age(found)),
                ", ".join(f"{column} {kind}" for column, kind in columns.items()) or NOTHING,
                next((use.location for use in uses if use.location), NOTHING),
            ]
        )
    return table(heads, rows, caption="What the features read, and how new it is in the lake.")


def _together(content: Content) -> Html:
    return tag("span", content, class_="together")


def _age(found: Freshness) -> Content:
    if found.age is None:
        return NOTHING
    days = found.age / DAY
    if days < 0:
        return badge("in the future", "warning")
    return f"{days:,.0f} days" if days >= 2 else f"{days * 24:,.1f} hours"


def _scores(project: Project, found: Catalogue) -> Html:
    heads = [
        Head("Score", number=False), Head("Features"), Head("Champion"), Head("Owner", number=False),
        Head("Question", number=False, words=True),
    ]  # fmt: skip
    rows: list[list[Content]] = []
    for name in found.scores:
        score = project.scores[name]
        uses = [use for entry in found.entries for use in entry.uses if use.score == name]
        champion = next((use.champion for use in uses if use.champion is not None), None)
        rows.append(
            [
                name,
                f"{len(uses):,}",
                NOTHING if champion is None else f"version {champion}",
                score.owner or NOTHING,
                score.description.splitlines()[0] if score.description else NOTHING,
            ]
        )
    return table(heads, rows, caption="Who uses the features.")


def four(number: float) -> str:
    """Four decimals, with the sign that typesetters use, and none before nothing.

    >>> four(-0.00001), four(-0.0123)
    ('0.0000', '−0.0123')
    """
    return f"{round(number, 4) + 0.0:.4f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) else f"{share:.1%}"


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.3g}"


def _day(value: float) -> str:
    return iso(int(value) // 1_000_000 * 1_000_000)[:10]
