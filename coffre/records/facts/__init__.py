"""The content of events: one frozen class for each kind, with typed fields. `registry` has the class of each kind."""
