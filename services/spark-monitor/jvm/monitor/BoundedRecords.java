package monitor;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A compressed batch's records, each made small enough before anything is allocated for it.
 *
 * <p>Kafka's client allocates what a record claims to have: ten kilobytes from a sender become 300 MB here, or two
 * gigabytes. This stands between its decompression and its reading of records: it reads each record's fields and hands
 * them on with keys and values cut behind MOST_BYTES, without headers, which no reader of ours asks for. What is cut is
 * longer than a reading may be, so it is refused like any message that is too large.
 *
 * <p>A batch of which more than MOST_BATCH_BYTES come out is not read on: one record in place of the rest says how many
 * are left out (see `unread`). The others of the rest repeat the batch's first offset, which the client passes over.
 *
 * <p>The form of batches and records: https://kafka.apache.org/39/documentation/#recordbatch
 */
public final class BoundedRecords extends InputStream {
    /** Of a key, and of a value. One more than a reading may have. */
    static final int MOST_BYTES = Fields.MOST_BYTES + 1;
    /** A megabyte, the most that the broker takes, of repetitive readings has about 20 MB. */
    public static final long MOST_BATCH_BYTES = 32L * 1024 * 1024;

    /** No text in UTF-8 begins so. */
    private static final byte[] UNREAD = {(byte) 0xFF, 'U', 'N', 'R', 'E', 'A', 'D'};

    private final InputStream unpacked;
    private long allowance = MOST_BATCH_BYTES;
    private int left;
    private int nextOffsetDelta;
    private boolean isCutOff;
    private byte[] record = new byte[256];
    private byte[] scratch;
    private int at;
    private int end;

    public BoundedRecords(int records, InputStream unpacked) {
        this.left = records;
        this.unpacked = unpacked;
    }

    /** Return how many records a value takes the place of, null for any other value. */
    static Integer unread(byte[] value) {
        int marker = UNREAD.length;
        boolean isOne = value.length == marker + Integer.BYTES && Arrays.equals(value, 0, marker, UNREAD, 0, marker);
        return isOne ? ByteBuffer.wrap(value, marker, Integer.BYTES).getInt() : null;
    }

    @Override
    public int read() throws IOException {
        return hasMore() ? record[at++] & 0xFF : -1;
    }

    @Override
    public int read(byte[] into, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (!hasMore()) {
            return -1;
        }
        int count = Math.min(length, end - at);
        System.arraycopy(record, at, into, offset, count);
        at += count;
        return count;
    }

    @Override
    public void close() throws IOException {
        unpacked.close();
    }

    private boolean hasMore() throws IOException {
        if (at < end) {
            return true;
        }
        if (left <= 0) {
            return false;
        }
        at = 0;
        end = 0;
        Kept kept = isCutOff ? null : next();
        left--;
        frame(kept == null ? Kept.PASSED_OVER : kept);
        return true;
    }

    /** A record's fields, as far as they are handed on; `offsetDelta` is relative to the batch's first offset. */
    private static final class Kept {
        /** The client has passed its offset already. */
        static final Kept PASSED_OVER = new Kept(0, 0, null, null);

        final long timestampDelta;
        final int offsetDelta;
        final byte[] key;
        final byte[] value;

        Kept(long timestampDelta, int offsetDelta, byte[] key, byte[] value) {
            this.timestampDelta = timestampDelta;
            this.offsetDelta = offsetDelta;
            this.key = key;
            this.value = value;
        }
    }

    private Kept next() throws IOException {
        long timestampDelta = 0;
        int offsetDelta = nextOffsetDelta;
        byte[] key = null;
        try {
            varint(); // The length: what it claims is not used.
            one();
            timestampDelta = varlong();
            offsetDelta = varint();
            nextOffsetDelta = offsetDelta + 1;
            key = bytes();
            byte[] value = bytes();
            for (int headers = varint(); headers > 0; headers--) {
                pass(varint());
                pass(varint());
            }
            return new Kept(timestampDelta, offsetDelta, key, value);
        } catch (AllowanceSpent spent) {
            isCutOff = true;
            byte[] value = ByteBuffer.allocate(UNREAD.length + Integer.BYTES).put(UNREAD).putInt(left).array();
            return new Kept(timestampDelta, offsetDelta, key, value);
        }
    }

    /** Put a record into its form: its length, attributes, times, key, value, and no headers. */
    private void frame(Kept kept) {
        int most = 32 + (kept.key == null ? 0 : kept.key.length) + (kept.value == null ? 0 : kept.value.length);
        if (record.length < most + 5) {
            record = new byte[most + 5];
        }
        // The length comes first and is known last: leave room for its five bytes, and begin where it fits.
        end = 5;
        put(0);
        putVarlong(kept.timestampDelta);
        putVarlong(kept.offsetDelta);
        putBytes(kept.key);
        putBytes(kept.value);
        putVarlong(0);
        int body = end - 5;
        int whole = end;
        end = 0;
        putVarlong(body);
        int size = end;
        System.arraycopy(record, 0, record, 5 - size, size);
        at = 5 - size;
        end = whole;
    }

    private void put(int value) {
        record[end++] = (byte) value;
    }

    private void putVarlong(long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7FL) != 0) {
            put((int) (rest & 0x7F) | 0x80);
            rest >>>= 7;
        }
        put((int) rest);
    }

    private void putBytes(byte[] bytes) {
        putVarlong(bytes == null ? -1 : bytes.length);
        if (bytes != null) {
            System.arraycopy(bytes, 0, record, end, bytes.length);
            end += bytes.length;
        }
    }

    private byte[] bytes() throws IOException {
        int length = varint();
        if (length < 0) {
            return null;
        }
        // A length is a claim: nothing is allocated beyond what may be kept.
        byte[] bytes = new byte[Math.min(length, MOST_BYTES)];
        spend(bytes.length);
        fill(bytes, bytes.length);
        pass(length - bytes.length);
        return bytes;
    }

    private void pass(int length) throws IOException {
        int rest = length;
        while (rest > 0) {
            int step = Math.min(rest, MOST_BYTES);
            spend(step);
            fill(passedOver(), step);
            rest -= step;
        }
    }

    /** Return room for what nobody reads: codecs skip in pieces of 512 bytes, a hundred times slower than they read. */
    private byte[] passedOver() {
        if (scratch == null) {
            scratch = new byte[MOST_BYTES];
        }
        return scratch;
    }

    private void fill(byte[] into, int length) throws IOException {
        if (unpacked.readNBytes(into, 0, length) < length) {
            throw new EOFException("a compressed batch ends within a record");
        }
    }

    private int one() throws IOException {
        spend(1);
        int value = unpacked.read();
        if (value < 0) {
            throw new EOFException("a compressed batch ends within a record");
        }
        return value;
    }

    private int varint() throws IOException {
        return (int) varlong();
    }

    private long varlong() throws IOException {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            int next = one();
            value |= (long) (next & 0x7F) << shift;
            if (next < 0x80) {
                return (value >>> 1) ^ -(value & 1);
            }
        }
        throw new IOException("a number in a record has no end");
    }

    private void spend(int bytes) throws AllowanceSpent {
        allowance -= bytes;
        if (allowance < 0) {
            throw new AllowanceSpent();
        }
    }

    private static final class AllowanceSpent extends IOException {
        private static final long serialVersionUID = 1;
    }
}
