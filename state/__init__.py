"""The nouns: records, configuration, codec, document store, lock, errors."""
