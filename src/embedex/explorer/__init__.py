"""The explorer's server: a collection in a browser. Needs the extra `explore`.

`app.make_app` makes the application, `serve.serve` runs it. Large answers are arrays of numbers in little-endian bytes
(`arrays`, `columns`, `heatmap`) or pictures (`thumbnails`); small ones are JSON. What was computed waits on a bounded
`shelf` for the next one who asks, and `guard` turns away whoever should not ask.
"""
