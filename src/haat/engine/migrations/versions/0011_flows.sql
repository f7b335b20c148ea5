-- Flows: instances, and their steps. A step is stored in the transaction of the fact that asked for it (engine/flowing).

CREATE TABLE order_workflows (
  order_id uuid PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('running', 'paused', 'ended')),
  began_at timestamptz NOT NULL,
  ended_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX order_workflows_paused ON order_workflows (order_id) WHERE status = 'paused';

-- due (a timer is due later; a claimed call is due again when its lease ends), held (the order has a hold), paused,
-- waiting (a compensation whose turn has not come), done, stopped (not needed any more), skipped, dead (somebody has to look).
CREATE TABLE workflow_states (
  order_id uuid NOT NULL,
  version integer NOT NULL,
  n smallint NOT NULL,
  flow text NOT NULL,
  step text NOT NULL,
  subject text NOT NULL,
  status text NOT NULL CHECK (status IN ('due', 'held', 'paused', 'waiting', 'done', 'stopped', 'skipped', 'dead')),
  outside boolean NOT NULL,
  due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  worker text,
  data json,
  error text,
  owner text,
  after_version integer,
  after_n smallint,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (order_id, version, n)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX workflow_states_local ON workflow_states (due_at) WHERE status = 'due' AND NOT outside;
CREATE INDEX workflow_states_outside ON workflow_states (due_at) WHERE status = 'due' AND outside;
CREATE INDEX workflow_states_stopped ON workflow_states (status, updated_at) WHERE status IN ('held', 'paused', 'waiting', 'dead');
