package monitor;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The process that knows what becomes of an entity (spark_monitor/incidents/worker.py), asked over its pipes.
 *
 * <p>It remembers nothing of an entity between two questions, so one that has died is replaced, and asked again. There
 * is one for all tasks of this Java machine; it ends when its input does, hence with the machine.
 */
final class LifeCycleProcess {
    /** Of a timer that is not set. */
    static final long NEVER = -1;

    /** What is asked of an entity: its state (null: nothing is known), its timer, the batch's time, in milliseconds. */
    record Question(String entity, String state, long timer, long now, String rows) {
        byte[] toBytes() throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
            DataOutputStream out = new DataOutputStream(bytes);
            out.writeLong(now);
            out.writeLong(timer);
            write(entity, out);
            write(state, out);
            write(rows, out);
            return bytes.toByteArray();
        }
    }

    /** What becomes of it: its next state and timer, and the records that go out. */
    record Answer(String state, long timer, List<String> records) {}

    /** As Spark's own log is written, of which the API that this is compiled with knows nothing. */
    private static final String RESTARTED = "{\"service\":\"spark\",\"level\":\"WARN\","
            + "\"event\":\"the incidents' process has ended and is started again\"}";

    private static LifeCycleProcess running;

    private final byte[] life;
    private final Process process;
    private final DataInputStream answers;
    private final DataOutputStream questions;

    private LifeCycleProcess(List<String> command, byte[] life) throws IOException {
        this.life = life;
        process = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
        answers = new DataInputStream(new BufferedInputStream(process.getInputStream()));
        OutputStream input = process.getOutputStream();
        questions = new DataOutputStream(input);
        send(life);
    }

    /**
     * Ask the process, which is started if need be.
     *
     * @param life what the process is to know before the first question
     */
    static synchronized Answer ask(List<String> command, byte[] life, Question question) {
        try {
            byte[] asked = question.toBytes();
            if (running != null && Arrays.equals(running.life, life)) {
                try {
                    return running.answer(asked);
                } catch (IOException died) {
                    System.err.println(RESTARTED);
                }
            }
            if (running != null) {
                running.process.destroyForcibly();
            }
            running = new LifeCycleProcess(command, life);
            return running.answer(asked);
        } catch (IOException error) {
            throw new UncheckedIOException("the incidents' process has ended: " + command, error);
        }
    }

    private void send(byte[] frame) throws IOException {
        questions.writeInt(frame.length);
        questions.write(frame);
        questions.flush();
    }

    private Answer answer(byte[] question) throws IOException {
        send(question);
        long timer = answers.readLong();
        String state = read();
        int number = answers.readInt();
        List<String> records = new ArrayList<>(number);
        for (int left = number; left > 0; left--) {
            records.add(read());
        }
        return new Answer(state, timer, records);
    }

    private String read() throws IOException {
        int length = answers.readInt();
        if (length < 0) {
            return null;
        }
        byte[] bytes = new byte[length];
        answers.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void write(String text, DataOutputStream out) throws IOException {
        if (text == null) {
            out.writeInt(-1);
            return;
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
