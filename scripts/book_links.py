"""Checks the links of a folder of HTML pages: files and anchors must exist, addresses must have a form.

Usage: book_links.py FOLDER. Prints what is broken, and how many links were checked.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append(value)


def main():
    folder = Path(sys.argv[1]).resolve()
    pages = {f: Page(f.read_text(encoding="utf-8")) for f in sorted(folder.rglob("*.html"))}
    broken, checked = [], 0
    for file, page in pages.items():
        # The links of the page of errors are relative to the root of a server.
        if file.name in ("404.html", "toc.html"):
            continue
        for link in page.links:
            checked += 1
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                if "." not in parts.netloc or " " in link:
                    broken.append(f"{file.relative_to(folder)}: {link}: no address")
                continue
            if parts.scheme == "data":
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            if parts.scheme or not target.is_relative_to(folder) or not target.is_file():
                broken.append(f"{file.relative_to(folder)}: {link}: no such file of the book")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{file.relative_to(folder)}: {link}: no such anchor")
    print("\n".join(broken))
    print(f"{checked} links of {len(pages)} pages, {len(broken)} broken")
    if broken or checked < 500:
        sys.exit(1)


main()
