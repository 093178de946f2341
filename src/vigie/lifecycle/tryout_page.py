"""The page of ``vigie try``, run by Streamlit: a customer or a form; score, decision, reasons; what if a value were another."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import altair as alt
import streamlit as st

from vigie.client import ApiError, Client, Input, Model, Prediction, Retries
from vigie.lifecycle.tryout_values import form_value, others, shown

REASONS = 6
COLOURS = alt.Scale(domain=["raises the score", "lowers the score"], range=["#b3541e", "#1f6f8b"])


@st.cache_resource
def client_of(file: str) -> Client:
    """The client of the API that *file* names."""
    said = json.loads(Path(file).read_text("utf-8"))
    return Client(said["api"], key=said["key"] or None, retries=Retries(attempts=2))


@st.cache_data(ttl=30, show_spinner=False)
def models_of(_client: Client, file: str) -> list[Model]:
    """The models in service, asked twice a minute at most."""
    del file
    return _client.models()


def main() -> None:
    """Draws the page."""
    st.set_page_config(page_title="Vigie: try a score", layout="wide")
    file = sys.argv[1]
    client = client_of(file)
    try:
        models = models_of(client, file)
    except ApiError as error:
        st.error(f"The API does not answer. {error.what}. {error.remedy}")
        st.button("Try again", on_click=models_of.clear)
        return
    if not models:
        st.warning("The API serves no model yet. Train one with `vigie train`, then start the server again.")
        return
    named = {model.name: model for model in models}
    with st.sidebar:
        st.header("Vigie")
        model = named[st.selectbox("Score", list(named))]
        st.write(model.title)
        st.caption(f"version {model.version} · {model.bundle[:12]}")
        ways = ["Form", "Customer"] if model.by_customer_id else ["Form"]
        way = st.radio("Ask by", ways, horizontal=True) if len(ways) > 1 else ways[0]
        st.caption("Every answer on this page is a prediction, and is recorded like any other.")
    st.title(model.title)
    try:
        if way == "Customer":
            by_customer(client, model)
        else:
            by_form(client, model)
    except ApiError as error:
        for one in error.problems or [error]:
            where = f"**{one.field.replace('customers[0].', '')}**: " if hasattr(one, "field") else ""
            st.error(f"{where}{one.reason if hasattr(one, 'reason') else one.what}. {one.remedy}")


def by_customer(client: Client, model: Model) -> None:
    """A customer who is known: the server looks the features up."""
    customer = st.text_input("Customer id", key=f"{model.name} customer").strip()
    if customer:
        answer(model, client.score(customer_id=customer, score=model.name, reasons=REASONS))


def by_form(client: Client, model: Model) -> None:
    """Values from a form, and what another value would do."""
    columns = st.columns(3)
    values: dict[str, Any] = {}
    for number, one in enumerate(model.inputs):
        with columns[number % 3]:
            values[one.name] = field(model, one)
    given = {name: value for name, value in values.items() if value is not None}
    st.divider()
    prediction = client.score(values=given, score=model.name, reasons=REASONS)
    answer(model, prediction)
    what_if(client, model, given, prediction)


def field(model: Model, one: Input) -> Any:
    """The widget of one input; ``None`` where nothing is given."""
    key, example = f"{model.name} {one.name}", model.example.get(one.name)
    label = f"{one.name} *" if one.required else one.name
    text = one.description or None
    if one.kind == "number":
        return st.number_input(label, value=None if example is None else float(example), key=key, help=text)
    if one.kind == "boolean":
        options = [None, True, False]
        index = options.index(bool(example)) if example is not None else 0
        return st.selectbox(label, options, index=index, key=key, help=text, format_func=shown)
    if one.kind == "category" and one.categories:
        index = 1 + one.categories.index(example) if example in one.categories else 0
        return st.selectbox(label, [None, *one.categories], index=index, key=key, help=text, format_func=shown)
    return form_value(st.text_input(label, value="" if example is None else str(example), key=key, help=text))


def answer(model: Model, prediction: Prediction) -> None:
    """Score, decision, money and reasons."""
    score, decision, value, segment = st.columns(4)
    score.metric("Score", f"{prediction.score:.1%}")
    decision.metric("Decision", prediction.decision)
    money = "not known" if prediction.expected_value is None else f"{prediction.expected_value:+,.2f} {model.currency}"
    value.metric("Expected value", money)
    segment.metric("Segment", prediction.segment.replace("_", " "))
    st.caption(f"as of {prediction.as_of} · request {prediction.request_id}")
    if not prediction.reasons:
        return
    st.subheader("Why")
    rows = [{"reason": one.words, "adds": one.contribution, "effect": one.effect} for one in prediction.reasons]
    bars = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("adds:Q", title=f"adds to the score, {(prediction.reasons_scale or '').replace('_', ' ')}"),
            y=alt.Y("reason:N", sort=None, title=None, axis=alt.Axis(labelLimit=400)),
            color=alt.Color("effect:N", title=None, scale=COLOURS),
            tooltip=["reason:N", alt.Tooltip("adds:Q", format="+.3f"), "effect:N"],
        )
    )
    st.altair_chart(bars, width="stretch")


def _data(rows: list[dict[str, Any]]) -> Any:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def what_if(client: Client, model: Model, given: dict[str, Any], prediction: Prediction) -> None:
    """The score over the values of one input, all else as in the form."""
    tried = {one.name: values for one in model.inputs if (values := others(one, given.get(one.name)))}
    if not tried:
        return
    st.subheader("What if")
    name = st.selectbox("one value were another", list(tried), key=f"{model.name} what if")
    values = tried[name]
    found = client.score_many([{**given, name: value} for value in values], score=model.name)
    rows = [
        {"value": shown(value) if isinstance(value, bool) else value, "score": one.score, "decision": one.decision}
        for value, one in zip(values, found, strict=True)
    ]
    kind = "Q" if isinstance(values[0], float) else "N"
    base = alt.Chart(_data(rows)).encode(
        x=alt.X(f"value:{kind}", title=name, sort=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("score:Q", title="score", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        tooltip=[f"value:{kind}", alt.Tooltip("score:Q", format=".1%"), "decision:N"],
    )
    line = base.mark_line() + base.mark_point(filled=True, size=60).encode(color=alt.Color("decision:N", title=None))
    chart = line if kind == "Q" else base.mark_bar().encode(color=alt.Color("decision:N", title=None))
    now = alt.Chart(_data([{"score": prediction.score}])).mark_rule(strokeDash=[4, 4]).encode(y="score:Q")
    st.altair_chart(chart + now, width="stretch")
    st.caption("The dashed line is the score of the form as it stands.")


main()
