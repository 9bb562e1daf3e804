"""An application without the plugin."""

from litestar import Litestar

app = Litestar()
