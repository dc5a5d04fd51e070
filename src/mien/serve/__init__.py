"""The service: pictures over HTTP, videos as jobs, live streams, and a page for browsers (extra `serve`).

`settings` defines the options, `app` assembles the routes, `server` runs them. Of the rest of the package only the
command `mien serve` imports this folder.
"""
