"""Pages for readers: the first page of the report, the card of the networks, and the page of a case."""
