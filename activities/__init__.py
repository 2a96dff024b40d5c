"""The only side effects: read, reason, propose and settle, and the adapters they act through."""
