package monitor;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What is kept of an entity at hand: each sensor's newest reading and clock, how far the past behind it reaches. */
final class Newest {
    /** Of a stream. A message can name any sensor: of more, the one that has been silent longest makes room. */
    static final int MOST_SENSORS = 100;

    /** The first entry of the past's order, and the one behind the last. */
    long firstSlot;
    long nextSlot;

    private final List<Map<String, Reading>> bySensor = new ArrayList<>();
    private final List<Map<String, Clock>> clocks = new ArrayList<>();
    private final double[] lastReceived;

    Newest(int streams) {
        lastReceived = new double[streams];
        for (int stream = 0; stream < streams; stream++) {
            bySensor.add(new HashMap<>());
            clocks.add(new HashMap<>());
        }
    }

    /**
     * Return a reading with the time to judge it by, as its sensor's clock shows. Call it for all in their order of arrival.
     *
     * @param stamp what the sensor's own clock said
     */
    Reading timed(Reading reading, double stamp, double lateAfter) {
        Clock before = clock(reading);
        if (before.isRepetition(stamp, reading.value())) {
            return reading;
        }
        Clock clock = before.next(stamp, reading.value(), reading.receivedAt());
        double time = clock.time(reading.eventTime(), reading.receivedAt(), lateAfter);
        clocks.get(reading.stream()).put(reading.sensor(), clock.judged(time));
        return reading.at(time);
    }

    /** Say whether the readings of a reading's sensor arrive one by one. */
    boolean isLive(Reading reading) {
        return clock(reading).isLive();
    }

    private Clock clock(Reading reading) {
        return clocks.get(reading.stream()).getOrDefault(reading.sensor(), Clock.UNKNOWN);
    }

    /** Take a reading, unless its sensor has a newer one; of two of one moment the later arrival counts. */
    void add(Reading reading) {
        Map<String, Reading> sensors = bySensor.get(reading.stream());
        Reading before = sensors.get(reading.sensor());
        if (before == null && sensors.size() == MOST_SENSORS) {
            Reading gone = Collections.min(sensors.values(), Comparator.comparingDouble(Reading::receivedAt));
            sensors.remove(gone.sensor());
            clocks.get(reading.stream()).remove(gone.sensor());
        }
        if (before == null || reading.eventTime() >= before.eventTime()) {
            sensors.put(reading.sensor(), reading);
        }
        lastReceived[reading.stream()] = Math.max(lastReceived[reading.stream()], reading.receivedAt());
    }

    /** Return the event time up to which the reading's own sensor has been read. */
    double ownTime(Reading reading) {
        return bySensor.get(reading.stream()).get(reading.sensor()).eventTime();
    }

    /** Return the newest reading of each sensor of a stream. */
    Collection<Reading> of(int stream) {
        return bySensor.get(stream).values();
    }

    /** Say whether every other stream was read beyond a time of Kafka's clock. */
    boolean othersReadBeyond(int stream, double time) {
        for (int other = 0; other < lastReceived.length; other++) {
            if (other != stream && lastReceived[other] <= time) {
                return false;
            }
        }
        return true;
    }

    byte[] toBytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeLong(firstSlot);
            out.writeLong(nextSlot);
            for (int stream = 0; stream < lastReceived.length; stream++) {
                out.writeDouble(lastReceived[stream]);
                out.writeByte(of(stream).size());
                for (Reading each : of(stream)) {
                    out.writeUTF(each.sensor());
                    out.writeDouble(each.eventTime());
                    out.writeDouble(each.receivedAt());
                    out.writeLong(each.offset());
                    out.writeDouble(each.value());
                    write(clock(each), out);
                }
            }
        } catch (IOException inMemory) {
            throw new UncheckedIOException(inMemory);
        }
        return bytes.toByteArray();
    }

    private static void write(Clock clock, DataOutputStream out) throws IOException {
        out.writeDouble(clock.stamp());
        out.writeDouble(clock.value());
        out.writeDouble(clock.received());
        out.writeDouble(clock.newest());
        out.writeDouble(clock.steady());
        out.writeDouble(clock.still());
    }

    static Newest fromBytes(byte[] bytes, int streams) {
        Newest newest = new Newest(streams);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            newest.firstSlot = in.readLong();
            newest.nextSlot = in.readLong();
            for (int stream = 0; stream < streams; stream++) {
                newest.lastReceived[stream] = in.readDouble();
                for (int left = in.readUnsignedByte(); left > 0; left--) {
                    String sensor = in.readUTF();
                    newest.bySensor.get(stream).put(sensor, new Reading(
                            stream, sensor, in.readDouble(), in.readDouble(), in.readLong(), in.readDouble()));
                    newest.clocks.get(stream).put(sensor, new Clock(
                            in.readDouble(), in.readDouble(), in.readDouble(), in.readDouble(), in.readDouble(),
                            in.readDouble()));
                }
            }
        } catch (IOException inMemory) {
            throw new UncheckedIOException(inMemory);
        }
        return newest;
    }
}
