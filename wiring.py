"""The composition root: configuration in, ports out; the only place that knows everyone."""
