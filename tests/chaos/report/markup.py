"""Elements of the page, for HTML and SVG: whatever a text holds, it stays text."""

from xml.etree.ElementTree import Element, tostring

from quorate_client.cli.output import printable


def tag(name: str, /, *content: Element | str, **attributes: str | float) -> Element:
    """Make an element. `class_` is the attribute `class`, and `text_anchor` is `text-anchor`."""
    named = {
        key.strip("_").replace("_", "-"): value if isinstance(value, str) else f"{value:.10g}"
        for key, value in attributes.items()
    }
    element = Element(name, named)
    for part in content:
        if isinstance(part, Element):
            element.append(part)
        else:
            _write(element, printable(part))
    return element


def style(css: str) -> Element:
    """Make a style sheet: its text is ours, not a name that came from elsewhere."""
    element = Element("style")
    element.text = css
    return element


def written(root: Element) -> str:
    """Write HTML."""
    return "<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _write(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
