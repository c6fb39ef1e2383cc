package monitor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessor;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.sql.streaming.ValueState;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Readings -> the same with what each stream of their statuses had at that time: an as-of join, keyed by entity.
 *
 * <p>Spark's Real-time Mode has stateful functions for Java only, and this needs one: an aggregation would see no more
 * than the newest, a join would give every pair. A stream's reading is that of the sensor furthest towards the stream's
 * limits, of those that have one within the status's tolerance; where no sensor has, the stream's newest. Where the
 * sensors' clocks disagree by more than that, what arrives together belongs together, by Kafka's clock.
 */
public final class Contemporaries extends StatefulProcessor<String, Row, Row> {
    /** A combination of streams; `within` is in seconds. */
    private record Status(String name, double within, List<Integer> streams) implements java.io.Serializable {}

    /** What a stream's value should not go beyond: `direction` is 1 for above, -1 for below. */
    private record Limit(int stream, double direction, double threshold, Map<String, Double> overrides)
            implements java.io.Serializable {
        double excess(String entity, double value) {
            return direction * (value - overrides.getOrDefault(entity, threshold));
        }
    }

    private static final long serialVersionUID = 1;
    private static final StructType READING = new StructType()
            .add("stream", DataTypes.StringType)
            .add("event_time", DataTypes.DoubleType)
            .add("received_at", DataTypes.DoubleType)
            .add("value", DataTypes.DoubleType)
            .add("origin", DataTypes.StringType)
            .add("time_source", DataTypes.StringType);
    private static final StructType SIDE =
            new StructType().add("event_time", DataTypes.DoubleType).add("value", DataTypes.DoubleType);

    private final ArrayList<String> streams;
    private final ArrayList<Status> statuses = new ArrayList<>();
    private final ArrayList<Limit> limits = new ArrayList<>();
    private final ArrayList<Double> lateAfter;
    private final double slotSeconds;
    private transient ValueState<byte[]> newestState;
    private transient Past past;

    private Contemporaries(
            List<String> streams, List<List<Object>> statuses, List<List<Object>> limits, List<Double> lateAfter,
            double slotSeconds) {
        this.streams = new ArrayList<>(streams);
        this.lateAfter = new ArrayList<>(lateAfter);
        this.slotSeconds = slotSeconds;
        for (List<Object> of : statuses) {
            List<Integer> numbers = new ArrayList<>();
            ((List<?>) of.get(2)).forEach(name -> numbers.add(streams.indexOf(name)));
            this.statuses.add(new Status((String) of.get(0), number(of.get(1)), numbers));
        }
        for (List<Object> of : limits) {
            Map<String, Double> overrides = new java.util.HashMap<>();
            ((Map<?, ?>) of.get(3)).forEach((entity, limit) -> overrides.put((String) entity, number(limit)));
            this.limits.add(new Limit(streams.indexOf(of.get(0)), number(of.get(1)), number(of.get(2)), overrides));
        }
    }

    /**
     * Return the readings with their contemporaries.
     *
     * @param readings `entity_id, stream, sensor_id, event_time, received_at, offset, value, origin, sensor_time`
     * @param streams the names of the combined streams
     * @param statuses of each its name, the tolerance in seconds, and its streams
     * @param limits of each its stream, 1 (above) or -1 (below), the limit, and the entities' own limits
     * @param lateAfter of each stream, how many seconds a sensor's clock may be behind
     * @param slotSeconds the largest tolerance
     * @return for each reading and status `status, entity_id, reading` (struct), `own_newest` (the event time up to which
     *     the reading's sensor was read) and `sides`: of each stream, by its name, struct<event_time, value> or null
     */
    public static Dataset<Row> of(
            Dataset<Row> readings, List<String> streams, List<List<Object>> statuses, List<List<Object>> limits,
            List<Double> lateAfter, double slotSeconds) {
        StructType sides = new StructType();
        for (String stream : streams) {
            sides = sides.add(stream, SIDE);
        }
        Encoder<Row> result = Encoders.row(new StructType()
                .add("status", DataTypes.StringType)
                .add("entity_id", DataTypes.StringType)
                .add("reading", READING)
                .add("own_newest", DataTypes.DoubleType)
                .add("sides", sides));
        MapFunction<Row, String> entity = row -> row.getString(0);
        return readings.groupByKey(entity, Encoders.STRING())
                .transformWithState(
                        new Contemporaries(streams, statuses, limits, lateAfter, slotSeconds), TimeMode.None(),
                        OutputMode.Update(), result);
    }

    @Override
    public void init(OutputMode outputMode, TimeMode timeMode) {
        newestState = getHandle().getValueState("newest", Encoders.BINARY(), TTLConfig.NONE());
        past = new Past(getHandle(), streams.size(), slotSeconds);
    }

    @Override
    public Iterator<Row> handleInputRows(String entity, Iterator<Row> rows, TimerValues timers) {
        // A batch's rows come in no order.
        List<Map.Entry<Reading, Row>> readings = new ArrayList<>();
        while (rows.hasNext()) {
            Row row = rows.next();
            readings.add(Map.entry(reading(row), row));
        }
        readings.sort(Map.Entry.comparingByKey(Reading.BY_ARRIVAL));
        byte[] kept = newestState.get();
        Newest newest = kept == null ? new Newest(streams.size()) : Newest.fromBytes(kept, streams.size());
        List<Row> found = new ArrayList<>();
        for (Map.Entry<Reading, Row> each : readings) {
            Row of = each.getValue();
            Reading reading = each.getKey();
            if (!of.isNullAt(8)) {
                reading = newest.timed(reading, of.getDouble(8), lateAfter.get(reading.stream()));
            }
            newest.add(reading);
            past.add(reading, newest);
            for (Status status : statuses) {
                if (status.streams.contains(reading.stream())) {
                    found.add(found(status, entity, reading, of, newest));
                }
            }
        }
        past.store();
        newestState.update(newest.toBytes());
        return CollectionConverters.asScala(found.iterator());
    }

    private Reading reading(Row row) {
        String sensor = row.isNullAt(2) ? "" : row.getString(2);
        return new Reading(
                streams.indexOf(row.getString(1)), sensor, row.getDouble(3), row.getDouble(4), row.getLong(5),
                row.getDouble(6));
    }

    private Row found(Status status, String entity, Reading reading, Row of, Newest newest) {
        double time = reading.eventTime();
        Reading[] sides = new Reading[streams.size()];
        for (int stream : status.streams) {
            sides[stream] = side(entity, stream, time, status.within, newest);
        }
        boolean isNewest = newest.ownTime(reading) <= time;
        boolean clocksDisagree = reading.apart(reading.receivedAt()) > status.within || !isComplete(status, sides, time);
        if (isNewest && clocksDisagree && newest.isLive(reading)) {
            Reading[] arrived = new Reading[streams.size()];
            for (int stream : status.streams) {
                arrived[stream] = arrived(entity, stream, reading.receivedAt(), status.within, newest);
            }
            if (isComplete(status, arrived, reading.receivedAt())) {
                sides = arrived;
                time = reading.receivedAt();
            }
        }
        boolean isOwnTime = !of.isNullAt(8) && time == of.getDouble(8);
        Row shown = RowFactory.create(
                of.getString(1), time, reading.receivedAt(), reading.value(), of.getString(7),
                isOwnTime ? "sensor" : "kafka");
        Object[] shownSides = new Object[streams.size()];
        for (int stream : status.streams) {
            Reading side = sides[stream];
            shownSides[stream] = side == null ? null : RowFactory.create(side.eventTime(), side.value());
        }
        return RowFactory.create(
                status.name, entity, shown, time == reading.eventTime() ? newest.ownTime(reading) : time,
                RowFactory.create(shownSides));
    }

    private static boolean isComplete(Status status, Reading[] sides, double time) {
        for (int stream : status.streams) {
            if (sides[stream] == null || sides[stream].apart(time) > status.within) {
                return false;
            }
        }
        return true;
    }

    /** Return the worst of a stream's sensors that Kafka heard around a time, at the time of that. */
    private Reading arrived(String entity, int stream, double receivedAt, double within, Newest newest) {
        Reading worst = null;
        for (Reading each : newest.of(stream)) {
            Reading then = each.at(each.receivedAt());
            if (newest.isLive(each) && then.apart(receivedAt) <= within
                    && (worst == null || isWorse(entity, then, worst))) {
                worst = then;
            }
        }
        return worst;
    }

    private Reading side(String entity, int stream, double time, double within, Newest newest) {
        Reading worst = null;
        Reading last = null;
        for (Reading each : newest.of(stream)) {
            // A sensor that was read further has its reading of this time in the past, or had none.
            Reading then = each.eventTime() > time ? past.nearest(each, time, within) : each;
            if (then != null && then.apart(time) <= within && (worst == null || isWorse(entity, then, worst))) {
                worst = then;
            }
            last = last == null || each.eventTime() > last.eventTime() ? each : last;
        }
        return worst == null ? last : worst;
    }

    private boolean isWorse(String entity, Reading one, Reading other) {
        double difference = excess(entity, one) - excess(entity, other);
        return difference > 0 || difference == 0 && one.eventTime() > other.eventTime();
    }

    /** Return how far a reading is beyond the nearest of its stream's limits, negative within them; 0 without any. */
    private double excess(String entity, Reading reading) {
        double most = Double.NEGATIVE_INFINITY;
        for (Limit limit : limits) {
            if (limit.stream == reading.stream()) {
                most = Math.max(most, limit.excess(entity, reading.value()));
            }
        }
        return most == Double.NEGATIVE_INFINITY ? 0 : most;
    }

    private static double number(Object number) {
        return ((Number) number).doubleValue();
    }
}
