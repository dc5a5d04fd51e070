"""The service: pictures over HTTP, videos as jobs, live streams, and a page for browsers (extra `serve`).

`settings` defines the options, `app` assembles the routes, `server` runs them. `site` writes the page
without a server. Of the rest of the package only the commands `mien serve` and `mien site` import this folder.
"""
