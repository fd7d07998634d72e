"""One file a theme; one judge a claim."""
