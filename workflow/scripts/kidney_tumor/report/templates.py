"""Pages and cards from the Jinja templates in `workflow/resources/`."""

from pathlib import Path
from typing import Any

import jinja2

from kidney_tumor.errors import UserError


def fill(template: Path, **parts: Any) -> str:
    """Fill a template with its parts. A page in HTML escapes each part that the template does not call safe.

    Raises:
        UserError: The template is no Jinja, or it names a part that is not there.
    """
    environment = jinja2.Environment(
        autoescape=template.suffix == ".html",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
    )
    try:
        return environment.from_string(template.read_text(encoding="utf-8")).render(parts)
    except jinja2.TemplateError as error:
        raise UserError(f"{template}: {error.message}; use the template of this repository") from error
