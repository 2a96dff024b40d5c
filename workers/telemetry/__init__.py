"""What Sayso tells those who run it: traces, metrics, and nothing of what missions are about. Off unless configured."""
