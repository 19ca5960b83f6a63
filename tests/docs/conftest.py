"""A browser for pages, and the site."""

from report_page import chromium  # noqa: F401
from site_build import site  # noqa: F401
