package monitor;

/**
 * A sensor's own clock: what its last reading said (time, value), when Kafka got it, the newest time judged by, for how
 * many seconds of Kafka's clock it went with that, and for how many it stood. All in epoch seconds, or seconds.
 *
 * <p>The same judgement as incidents/clock.py, which explains and reports it; a test compares the two.
 */
record Clock(double stamp, double value, double received, double newest, double steady, double still) {
    static final double LIVE_SECONDS = 2;
    private static final double AT_MOST_A_STEP = LIVE_SECONDS / 2;
    private static final double LONG_STEP_SECONDS = 10;
    private static final double LONG_STEP_SHARE = 0.05;
    private static final double STEP_SHARE = 0.5;
    private static final double CLOSE_SECONDS = 10;

    /** The clock of a sensor that never spoke. */
    static final Clock UNKNOWN = new Clock(Double.NaN, Double.NaN, Double.NaN, Double.NEGATIVE_INFINITY, 0, 0);

    /** Say whether a reading is the last one again, as a gateway repeats a dead sensor's: it says nothing of the clock. */
    boolean isRepetition(double stamp, double value) {
        return stamp == this.stamp && value == this.value && still < LIVE_SECONDS;
    }

    /** Return the clock after another reading, of which its sensor said `stamp`. */
    Clock next(double stamp, double value, double received) {
        if (Double.isNaN(this.stamp)) {
            return new Clock(stamp, value, received, newest, 0, 0);
        }
        double step = stamp - this.stamp;
        double arrival = Math.max(0, received - this.received);
        boolean isLong = arrival >= LONG_STEP_SECONDS && Math.abs(step - arrival) <= LONG_STEP_SHARE * arrival;
        double counted = isLong ? LIVE_SECONDS : Math.min(arrival, AT_MOST_A_STEP);
        if (step == 0) {
            return new Clock(stamp, value, this.received + arrival, newest, steady, capped(still + counted));
        }
        boolean isAsKafkas = Math.abs(step - arrival) <= STEP_SHARE * Math.max(step, arrival);
        return new Clock(
                stamp, value, this.received + arrival, newest, isAsKafkas ? capped(steady + counted) : 0, 0);
    }

    /** Say whether its sensor's readings arrive one by one, so that they are of about the time when Kafka got them. */
    boolean isLive() {
        return steady >= LIVE_SECONDS;
    }

    /** Return the time to judge the last reading by; `at` is its sensor's word, or Kafka's where that cannot be right. */
    double time(double at, double received, double lateAfter) {
        double behind = received - stamp;
        boolean isWrong = still >= LIVE_SECONDS
                || isLive() && behind > CLOSE_SECONDS && (behind > lateAfter || stamp <= newest);
        return isWrong ? received : at;
    }

    Clock judged(double time) {
        return new Clock(stamp, value, received, Math.max(newest, time), steady, still);
    }

    private static double capped(double seconds) {
        return Math.min(seconds, LIVE_SECONDS);
    }
}
