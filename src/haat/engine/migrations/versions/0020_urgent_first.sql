-- Senders take urgent messages first, then the oldest. An index without `urgent` made them sort everything that waited, each time.
DROP INDEX notifications_due;
CREATE INDEX notifications_due ON notifications (channel, urgent DESC, due_at) WHERE status = 'due';
