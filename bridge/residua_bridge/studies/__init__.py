"""One file a study: data, no computing."""
