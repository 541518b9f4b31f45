"""The explorer: a collection in a browser, from a server (extra `explore`) or as files.

`answers` is what there is to tell. `app.make_app` makes the application that sends it, `serve.serve` runs that, and
`guard` turns away whoever should not ask; `export.export_html` writes it into files, with what the page needs to
compare records by itself (`sides`). Large answers are arrays of numbers in little-endian bytes (`arrays`, `columns`,
`heatmap`) or pictures (`thumbnails`); small ones are JSON. What was computed waits on a bounded `shelf` for the next
one who asks.
"""
