-- An order's rows change half a dozen times in its first days. A new version that finds room on its page and changes no indexed
-- column touches no index (HOT); on full pages every change made a new entry in each of them. Pages filled before stay as they are.
ALTER TABLE orders SET (fillfactor = 60);
ALTER TABLE order_lines SET (fillfactor = 60);
ALTER TABLE vendor_orders SET (fillfactor = 70);
ALTER TABLE order_reservations SET (fillfactor = 70);
