package monitor;

import java.util.Comparator;

/**
 * A reading, as far as a status asks for it. Times in epoch seconds; `stream` is its number among the combined ones;
 * `sensor` is empty where a message names none.
 */
record Reading(int stream, String sensor, double eventTime, double receivedAt, long offset, double value) {
    static final Comparator<Reading> BY_ARRIVAL =
            Comparator.comparingDouble(Reading::receivedAt).thenComparingLong(Reading::offset);

    /** Return the same reading at another time. */
    Reading at(double time) {
        return time == eventTime ? this : new Reading(stream, sensor, time, receivedAt, offset, value);
    }

    /** Return the seconds to another time; rounded, as doubles of the present epoch resolve 0.0000002 s. */
    double apart(double time) {
        return Math.floor(Math.abs(eventTime - time) * 1000 + 0.5) / 1000;
    }
}
