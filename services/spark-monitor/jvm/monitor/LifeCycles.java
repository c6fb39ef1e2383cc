package monitor;

import java.util.ArrayList;
import java.util.List;
import monitor.LifeCycleProcess.Answer;
import monitor.LifeCycleProcess.Question;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.streaming.ExpiredTimerInfo;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessorWithInitialState;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.sql.streaming.ValueState;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Rows of an entity -> records of its incidents. Spark keeps each entity's state and its one timer here, in Java; what
 * becomes of them is asked of a process in Python, with one question for all rows of an entity in a batch.
 *
 * <p>Spark's own stateful operator for Python asks Java for each state and timer instead, and answers with a batch of
 * columns for each entity: three times the processor time, beside the alerts.
 */
public final class LifeCycles extends StatefulProcessorWithInitialState<String, Row, Row, Row> {
    /** Rows in one question: a backlog of any length must not fill the memory. */
    private static final int MOST_ROWS = 20_000;

    private static final long serialVersionUID = 1;
    private static final StructType KEPT =
            new StructType().add("state", DataTypes.StringType).add("timer", DataTypes.LongType);

    private final ArrayList<String> command;
    private final byte[] life;
    private transient ValueState<Row> kept;

    private LifeCycles(List<String> command, byte[] life) {
        this.command = new ArrayList<>(command);
        this.life = life;
    }

    /**
     * Return the records, in a column `record`.
     *
     * @param rows `entity_id`, and what the process takes, as JSON text
     * @param command what starts the process
     * @param life what the process is to know before the first question
     * @param before null, or what another checkpoint knows of the entities: `entity_id, state, timer`
     */
    public static Dataset<Row> of(Dataset<Row> rows, List<String> command, byte[] life, Dataset<Row> before) {
        LifeCycles lifeCycles = new LifeCycles(command, life);
        Encoder<Row> result = Encoders.row(new StructType().add("record", DataTypes.StringType));
        MapFunction<Row, String> entity = row -> row.getString(0);
        var entities = rows.groupByKey(entity, Encoders.STRING());
        if (before == null) {
            return entities.transformWithState(lifeCycles, TimeMode.ProcessingTime(), OutputMode.Update(), result);
        }
        var known = before.groupByKey(entity, Encoders.STRING());
        return entities.transformWithState(
                lifeCycles, TimeMode.ProcessingTime(), OutputMode.Update(), known, result, before.encoder());
    }

    @Override
    public void init(OutputMode outputMode, TimeMode timeMode) {
        kept = getHandle().getValueState("entity", Encoders.row(KEPT), TTLConfig.NONE());
    }

    @Override
    public void handleInitialState(String entity, Row before, TimerValues timers) {
        long timer = before.isNullAt(2) ? LifeCycleProcess.NEVER : before.getLong(2);
        if (timer != LifeCycleProcess.NEVER) {
            getHandle().registerTimer(timer);
        }
        keep(before.getString(1), timer);
    }

    @Override
    public Iterator<Row> handleInputRows(String entity, Iterator<Row> rows, TimerValues timers) {
        List<Row> records = new ArrayList<>();
        while (rows.hasNext()) {
            StringBuilder some = new StringBuilder("[").append(rows.next().getString(1));
            for (int left = MOST_ROWS - 1; left > 0 && rows.hasNext(); left--) {
                some.append(',').append(rows.next().getString(1));
            }
            Row before = kept.get();
            ask(entity, before, timer(before), timers, some.append(']').toString(), records);
        }
        return CollectionConverters.asScala(records.iterator());
    }

    @Override
    public Iterator<Row> handleExpiredTimer(String entity, TimerValues timers, ExpiredTimerInfo expired) {
        List<Row> records = new ArrayList<>();
        Row before = kept.get();
        // Spark removes a timer that has fired.
        long timer = timer(before) == expired.getExpiryTimeInMs() ? LifeCycleProcess.NEVER : timer(before);
        ask(entity, before, timer, timers, null, records);
        return CollectionConverters.asScala(records.iterator());
    }

    private void ask(String entity, Row before, long timer, TimerValues timers, String rows, List<Row> records) {
        String state = before == null ? null : before.getString(0);
        Question question = new Question(entity, state, timer, timers.getCurrentProcessingTimeInMs(), rows);
        Answer answer = LifeCycleProcess.ask(command, life, question);
        if (answer.timer() != timer) {
            if (timer != LifeCycleProcess.NEVER) {
                getHandle().deleteTimer(timer);
            }
            if (answer.timer() != LifeCycleProcess.NEVER) {
                getHandle().registerTimer(answer.timer());
            }
        }
        keep(answer.state(), answer.timer());
        for (String record : answer.records()) {
            records.add(RowFactory.create(record));
        }
    }

    private static long timer(Row kept) {
        return kept == null ? LifeCycleProcess.NEVER : kept.getLong(1);
    }

    private void keep(String state, long timer) {
        if (state == null && timer == LifeCycleProcess.NEVER) {
            kept.clear();
        } else {
            kept.update(RowFactory.create(state, timer));
        }
    }
}
