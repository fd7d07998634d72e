"""One file a kind of experiment: computes a section of a report from the data of a study."""
