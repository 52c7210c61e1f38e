"""A page in which a model can be touched: its plane, its images, its nats.

- `collect`: what the page knows of a model, as plain data
- `likelihood`: log p(x) of the test images, computed by the package
- `page`: one self-contained HTML file of it
- `engine.js`: the forward pass, rec, kl and log p(x) in JavaScript
- `draw.js`, `views.js`, `app.js`, `style.css`, `template.html`: what is seen of it
"""

from minivae.explorer.collect import collect
from minivae.explorer.page import build_page, write_page

__all__ = ["build_page", "collect", "write_page"]
