package monitor;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * A topic's name and a message -> the fields of the reading that the message must be, or what is wrong with it.
 *
 * <p>Spark's own functions cannot do this safely: `from_json` takes "84" for 84 and reads past what follows the object;
 * VARIANT builds the whole document by recursion. This reads tokens, keeps what the topic's streams ask for and skips the
 * rest, so a message costs what its bytes cost, however it is nested.
 *
 * <p>The result is a struct. `problem` is null, or the name of a Problem, and then only `detail` means something.
 * `stream` is the topic's, of several the one whose value is there. Of the fields, `_raw` is the source text (at most
 * SHOWN characters), null when absent; `_string` the content if it is a string of valid Unicode; `_number` the value if it
 * is a number. `is_plain`: it is a reading at first sight, so nobody needs to look for what is wrong.
 */
public final class Fields implements UDF2<String, byte[], Row> {
    /** What keeps a message from being read; `detail` is the beginning of its text where nothing else is told. */
    enum Problem {
        /** No stream has this topic. */
        UNKNOWN_TOPIC,
        /** There is no value. */
        NULL,
        /** The value is longer than MOST_BYTES; `detail` is its length. */
        TOO_LARGE,
        /** BoundedRecords has left out this record and the rest of its batch; `detail` is how many they are. */
        UNREAD,
        /** The bytes are not UTF-8. */
        NOT_UTF8,
        /** There is nothing but blanks. */
        EMPTY,
        /** The text is not JSON, or more than one JSON value. */
        NOT_JSON,
        /** The text is another JSON value than an object. */
        NOT_AN_OBJECT,
        /** Objects and lists are nested deeper than MOST_NESTED. */
        TOO_DEEP,
        /** There are more values than MOST_VALUES. */
        TOO_MANY_VALUES,
        /** A field that was asked for is there twice; `detail` is its name. */
        TWICE,
        /** There are values of several streams, of which all but one would be lost. */
        AMBIGUOUS
    }

    /**
     * A stream of the rules: its name and topic, and what the fields of its messages are called; `time` may be null. Its
     * values lie between `least` and `most`, and are none of `codes`.
     */
    record Stream(
            String name, String topic, String entity, String value, String time, String sensor, double least,
            double most, boolean isInteger, ArrayList<Double> codes) implements Serializable {
        boolean takes(Double value) {
            return value != null && value >= least && value <= most && (!isInteger || value == Math.floor(value))
                    && (codes.isEmpty() || !codes.contains(value));
        }
    }

    /** The streams of a topic, and the place of each of their fields. */
    private record Topic(ArrayList<Stream> streams, HashMap<String, Integer> places) implements Serializable {
        void add(Stream stream) {
            streams.add(stream);
            for (String name : new String[] {stream.entity, stream.value, stream.time, stream.sensor}) {
                if (name != null) {
                    places.putIfAbsent(name, places.size());
                }
            }
        }
    }

    /** What is found of a field. */
    private static final class Field {
        String raw;
        String string;
        Double number;
    }

    /** A reading has about 100 bytes. A far larger message is a mistake, and reading it would hold up the others. */
    public static final int MOST_BYTES = 64 * 1024;
    public static final int MOST_NESTED = 100;
    /** A reading has four. Reading a value costs as much as hundred characters of text. */
    public static final int MOST_VALUES = 1000;
    static final int SHOWN = 100;
    /** Characters of a name; whether a longer one is right is for others to say. */
    private static final int MOST_PLAIN = 64;

    private static final long serialVersionUID = 1;
    // Names come from outside: they must not fill a table that outlives the message.
    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    private static final Field ABSENT = new Field();
    private static final StructType RESULT = new StructType()
            .add("problem", DataTypes.StringType)
            .add("detail", DataTypes.StringType)
            .add("stream", DataTypes.StringType)
            .add("entity_raw", DataTypes.StringType)
            .add("entity_string", DataTypes.StringType)
            .add("value_raw", DataTypes.StringType)
            .add("value_number", DataTypes.DoubleType)
            .add("time_raw", DataTypes.StringType)
            .add("time_number", DataTypes.DoubleType)
            .add("sensor_string", DataTypes.StringType)
            .add("is_plain", DataTypes.BooleanType);

    private final HashMap<String, Topic> topics = new HashMap<>();

    private Fields(List<List<Object>> streams) {
        for (List<Object> of : streams) {
            ArrayList<Double> codes = new ArrayList<>();
            ((List<?>) of.get(9)).forEach(code -> codes.add((Double) code));
            Stream stream = new Stream(
                    (String) of.get(0), (String) of.get(1), (String) of.get(2), (String) of.get(3), (String) of.get(4),
                    (String) of.get(5), (Double) of.get(6), (Double) of.get(7), (Boolean) of.get(8), codes);
            topics.computeIfAbsent(stream.topic, name -> new Topic(new ArrayList<>(), new HashMap<>())).add(stream);
        }
    }

    /** Let a session's expressions call it under a name; `streams`: of each what a Stream is made of, in that order. */
    public static void register(SparkSession session, String function, List<List<Object>> streams) {
        // Called so, it is evaluated once a row; of a deterministic function Spark makes copies.
        session.udf().register(function, functions.udf(new Fields(streams), RESULT).asNondeterministic());
    }

    @Override
    public Row call(String topic, byte[] message) {
        Topic known = topics.get(topic);
        if (known == null) {
            return wrong(Problem.UNKNOWN_TOPIC, null);
        }
        if (message == null) {
            return wrong(Problem.NULL, null);
        }
        if (message.length > MOST_BYTES) {
            return wrong(Problem.TOO_LARGE, String.valueOf(message.length));
        }
        Integer unread = BoundedRecords.unread(message);
        if (unread != null) {
            return wrong(Problem.UNREAD, unread.toString());
        }
        String text;
        try {
            text = text(message);
        } catch (CharacterCodingException notText) {
            return wrong(Problem.NOT_UTF8, null);
        }
        if (text.isBlank()) {
            return wrong(Problem.EMPTY, null);
        }
        try (JsonParser json = JSON.createParser(text)) {
            return read(json, text, known);
        } catch (Unreadable because) {
            return wrong(because.problem, because.detail);
        } catch (IOException notJson) {
            return wrong(Problem.NOT_JSON, shown(text, 0, text.length()));
        }
    }

    private static Row read(JsonParser json, String text, Topic topic) throws IOException {
        if (json.nextToken() != JsonToken.START_OBJECT) {
            throw new Unreadable(Problem.NOT_AN_OBJECT, shown(text, 0, text.length()));
        }
        Field[] found = new Field[topic.places.size()];
        int values = 0;
        for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
            Integer place = topic.places.get(name);
            JsonToken token = json.nextToken();
            if (place == null) {
                values = skip(json, token, values);
                continue;
            }
            if (found[place] != null) {
                throw new Unreadable(Problem.TWICE, name);
            }
            Field field = found[place] = new Field();
            int start = (int) json.currentTokenLocation().getCharOffset();
            if (token == JsonToken.VALUE_STRING) {
                String content = json.getText();
                field.string = isUnicode(content) ? content : null;
            } else if (token.isNumeric()) {
                field.number = json.getDoubleValue();
            } else {
                values = skip(json, token, values);
            }
            field.raw = shown(text, start, (int) json.currentLocation().getCharOffset());
        }
        if (json.currentToken() != JsonToken.END_OBJECT || json.nextToken() != null) {
            throw new Unreadable(Problem.NOT_JSON, shown(text, 0, text.length()));
        }
        return reading(topic, found);
    }

    private static Row reading(Topic topic, Field[] found) {
        Stream stream = topic.streams.get(topic.streams.size() - 1);
        int values = 0;
        for (Stream each : topic.streams) {
            if (found[topic.places.get(each.value)] != null && values++ == 0) {
                stream = each;
            }
        }
        if (values > 1) {
            return wrong(Problem.AMBIGUOUS, null);
        }
        Field entity = of(topic, found, stream.entity);
        Field value = of(topic, found, stream.value);
        Field time = of(topic, found, stream.time);
        Field sensor = of(topic, found, stream.sensor);
        return RowFactory.create(
                null, null, stream.name,
                entity.raw, entity.string, value.raw, value.number, time.raw, time.number, sensor.string,
                isPlain(entity.string) && stream.takes(value.number) && isPlainTime(time));
    }

    private static boolean isPlain(String name) {
        if (name == null || name.isEmpty() || name.length() > MOST_PLAIN || name.charAt(0) == ' ') {
            return false;
        }
        for (int at = 0; at < name.length(); at++) {
            if (name.charAt(at) < ' ' || name.charAt(at) > '~') {
                return false;
            }
        }
        return true;
    }

    private static boolean isPlainTime(Field time) {
        return time.raw == null || time.number != null;
    }

    private static Field of(Topic topic, Field[] found, String name) {
        Field field = name == null ? null : found[topic.places.get(name)];
        return field == null ? ABSENT : field;
    }

    /** Pass over a value; return how many there were with it. By a loop: the depth is the sender's, the stack is ours. */
    private static int skip(JsonParser json, JsonToken token, int before) throws IOException {
        int depth = 1;
        int values = before;
        for (JsonToken next = token; ; next = json.nextToken()) {
            if (next == null) {
                throw new IOException("the text ends within a value");
            }
            if (next.isStructEnd()) {
                depth--;
            } else if (next != JsonToken.FIELD_NAME && ++values > MOST_VALUES) {
                throw new Unreadable(Problem.TOO_MANY_VALUES, null);
            }
            if (next.isStructStart() && ++depth > MOST_NESTED) {
                throw new Unreadable(Problem.TOO_DEEP, null);
            }
            if (depth == 1) {
                return values;
            }
        }
    }

    /** What is wrong with a message; without a stack trace, which would cost more than the message. */
    private static final class Unreadable extends IOException {
        private static final long serialVersionUID = 1;
        final transient Problem problem;
        final String detail;

        Unreadable(Problem problem, String detail) {
            this.problem = problem;
            this.detail = detail;
        }

        @Override
        public Throwable fillInStackTrace() {
            return this;
        }
    }

    private static Row wrong(Problem problem, String detail) {
        return RowFactory.create(problem.name(), detail, null, null, null, null, null, null, null, null, false);
    }

    private static String text(byte[] message) throws CharacterCodingException {
        for (byte each : message) {
            if (each < 0) {
                return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
            }
        }
        return new String(message, StandardCharsets.ISO_8859_1);
    }

    private static boolean isUnicode(String content) {
        for (int at = 0; at < content.length(); at++) {
            if (Character.isSurrogate(content.charAt(at))) {
                return StandardCharsets.UTF_8.newEncoder().canEncode(content);
            }
        }
        return true;
    }

    private static String shown(String text, int start, int end) {
        int last = Math.min(end, start + SHOWN);
        if (last < end && Character.isHighSurrogate(text.charAt(last - 1))) {
            last--;
        }
        return text.substring(start, last);
    }
}
