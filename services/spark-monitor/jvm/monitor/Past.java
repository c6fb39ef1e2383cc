package monitor;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.streaming.MapState;
import org.apache.spark.sql.streaming.StatefulProcessorHandle;
import org.apache.spark.sql.streaming.TTLConfig;

/**
 * The readings of the past, in slots of event time: what a stream had when a reading of another one, read later, was made.
 *
 * <p>Kafka's partitions are read independently: of a backlog one topic may be read whole before the other is begun. A
 * slot is kept until every other stream was read MARGIN_SECONDS beyond it, by Kafka's clock. It goes that long after it
 * was made, too, where another stream says nothing any more, and where there are more than MOST_SLOTS.
 */
final class Past {
    static final int MARGIN_SECONDS = 2 * 3600;
    /** Of an entity. With 10 s each, eight days of one stream. */
    static final int MOST_SLOTS = 70_000;
    /** Those that came last. */
    static final int MOST_READINGS = 400;

    private static final int READING_BYTES = Integer.BYTES + 2 * Double.BYTES;
    private static final int ORDER_BYTES = 2 * Long.BYTES + Double.BYTES;

    private final int streams;
    private final double slotSeconds;
    private final MapState<Long, byte[]> slots;
    private final MapState<Long, byte[]> order;
    /** What was read and changed since the last `store`: of a batch many readings are in one slot. */
    private final HashMap<Long, byte[]> read = new HashMap<>();
    private final HashSet<Long> changed = new HashSet<>();

    Past(StatefulProcessorHandle handle, int streams, double slotSeconds) {
        this.streams = streams;
        this.slotSeconds = slotSeconds;
        this.slots = handle.getMapState("slots", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
        this.order = handle.getMapState("order", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
    }

    /** Keep a reading; the same sensor's of the same moment makes room for it. */
    void add(Reading reading, Newest newest) {
        long slot = slot(reading.stream(), Math.floor(reading.eventTime() / slotSeconds));
        byte[] kept = get(slot);
        if (kept == null) {
            forget(newest);
            long now = System.currentTimeMillis();
            order.updateValue(newest.nextSlot++, ByteBuffer.allocate(ORDER_BYTES)
                    .putLong(slot).putLong(now).putDouble(reading.receivedAt()).array());
            kept = new byte[0];
        }
        int sensor = reading.sensor().hashCode();
        int from = Math.max(0, kept.length - (MOST_READINGS - 1) * READING_BYTES);
        ByteBuffer added = ByteBuffer.allocate(kept.length - from + READING_BYTES);
        for (ByteBuffer each = ByteBuffer.wrap(kept, from, kept.length - from); each.hasRemaining(); ) {
            int of = each.getInt();
            double time = each.getDouble();
            double value = each.getDouble();
            if (of != sensor || time != reading.eventTime()) {
                added.putInt(of).putDouble(time).putDouble(value);
            }
        }
        added.putInt(sensor).putDouble(reading.eventTime()).putDouble(reading.value());
        read.put(slot, Arrays.copyOf(added.array(), added.position()));
        changed.add(slot);
    }

    /** Write what was added to the state; without it nothing is kept. */
    void store() {
        for (long slot : changed) {
            slots.updateValue(slot, read.get(slot));
        }
        changed.clear();
        read.clear();
    }

    private byte[] get(long slot) {
        byte[] kept = read.get(slot);
        if (kept == null) {
            kept = slots.getValue(slot);
            if (kept != null) {
                read.put(slot, kept);
            }
        }
        return kept;
    }

    /** Return a sensor's reading nearest to a time, `within` seconds (a slot's width at most) at most apart, or null. */
    Reading nearest(Reading of, double time, double within) {
        Reading nearest = null;
        double number = Math.floor(time / slotSeconds);
        for (int step = -1; step <= 1; step++) {
            byte[] kept = get(slot(of.stream(), number + step));
            if (kept == null) {
                continue;
            }
            for (ByteBuffer each = ByteBuffer.wrap(kept); each.hasRemaining(); ) {
                int sensor = each.getInt();
                Reading found = new Reading(of.stream(), of.sensor(), each.getDouble(), 0, 0, each.getDouble());
                if (sensor == of.sensor().hashCode() && found.apart(time) <= within
                        && (nearest == null || found.apart(time) < nearest.apart(time))) {
                    nearest = found;
                }
            }
        }
        return nearest;
    }

    private void forget(Newest newest) {
        while (newest.firstSlot < newest.nextSlot) {
            ByteBuffer first = ByteBuffer.wrap(order.getValue(newest.firstSlot));
            long slot = first.getLong();
            boolean isOld = System.currentTimeMillis() - first.getLong() > MARGIN_SECONDS * 1000L;
            int stream = (int) Math.floorMod(slot, (long) streams);
            if (!isOld && newest.nextSlot - newest.firstSlot < MOST_SLOTS
                    && !newest.othersReadBeyond(stream, first.getDouble() + MARGIN_SECONDS)) {
                return;
            }
            slots.removeKey(slot);
            read.remove(slot);
            changed.remove(slot);
            order.removeKey(newest.firstSlot++);
        }
    }

    private long slot(int stream, double number) {
        return (long) number * streams + stream;
    }
}
