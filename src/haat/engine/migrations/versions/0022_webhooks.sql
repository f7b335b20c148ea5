-- Every webhook claims its own, in the order of facts: what waits for one that is out of order is in nobody else's way.
CREATE INDEX notifications_due_webhooks ON notifications (recipient, urgent DESC, due_at, fact_at, version)
  WHERE status = 'due' AND channel = 'webhook';
