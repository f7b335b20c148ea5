-- When a message that can wait does not leave, whichever try it is: minutes of the day and time zone of whom it is for.
ALTER TABLE notifications ADD COLUMN quiet text COLLATE "C" NOT NULL DEFAULT '';  -- «1320-480 Asia/Dhaka»; empty: never

-- What people want was kept under the name as it was typed, and orders look for phones in E.164 and for addresses in lower case.
-- Of several spellings of one person the last one speaks, unless something is kept under the right one.
WITH typed AS (
  SELECT who, written_at,
    CASE WHEN who LIKE 'email:%' THEN lower(who) ELSE regexp_replace(who, '^phone:(\+?88)?(01[3-9][0-9]{8})$', 'phone:+88\2') END AS name
  FROM notification_preferences WHERE who LIKE 'email:%' OR who LIKE 'phone:%'
), last AS (
  SELECT DISTINCT ON (name) who, name FROM typed ORDER BY name, written_at DESC
)
UPDATE notification_preferences AS p SET who = last.name FROM last
WHERE p.who = last.who AND p.who <> last.name AND NOT EXISTS (SELECT 1 FROM notification_preferences AS o WHERE o.who = last.name);
