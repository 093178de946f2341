"""What a reader sees: charts drawn offline and one self-contained HTML page. Plain numbers in, HTML out.

The shell (:mod:`~vigie.report.html`, :mod:`~vigie.report.blocks`, :mod:`~vigie.report.page`) needs nothing but the
standard library, :mod:`~vigie.report.condense` needs NumPy, and only the charts need Altair. A chart is a pure function from
aggregated numbers to ``altair.Chart``; :func:`vigie.report.svg.inline` turns it into SVG without a browser, a script
or anything fetched.
"""
