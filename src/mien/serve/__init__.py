"""The service: faces over HTTP, videos as jobs, a live stream, and a page that shows them (extra `serve`).

`settings` knows what can be chosen, `app` puts the routes together, `server` runs them. Nothing here is imported by the
rest of the package but by `mien serve`.
"""
