"""A page that scores feature rows in a browser, with exact models as WebAssembly: no network, no other file."""

from tinyvmaf.measure.browser_page.page import browser_page, can_be_shown

__all__ = ["browser_page", "can_be_shown"]
