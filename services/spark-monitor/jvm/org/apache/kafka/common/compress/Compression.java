package org.apache.kafka.common.compress;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import monitor.BoundedRecords;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

/**
 * In place of kafka-clients' own interface of this name: the same, but what is unpacked is bounded (BoundedRecords).
 *
 * <p>Kafka's client has no setting for it, and this is the one place that all of its decompression comes through. Its
 * jar comes first on the class path; tests/integration/test_hostile.py fails when it does not, or when another version
 * of kafka-clients goes another way.
 */
public interface Compression {
    CompressionType type();

    OutputStream wrapForOutput(ByteBufferOutputStream out, byte messageVersion);

    InputStream wrapForInput(ByteBuffer buffer, byte messageVersion, BufferSupplier buffers);

    default int decompressionOutputSize() {
        throw new UnsupportedOperationException(type().name);
    }

    interface Builder<T extends Compression> {
        T build();
    }

    NoCompression NONE = none().build();

    static Builder<? extends Compression> of(String name) {
        return of(CompressionType.forName(name));
    }

    static Builder<? extends Compression> of(CompressionType type) {
        return switch (type) {
            case NONE -> none();
            case GZIP -> bounded(gzip());
            case SNAPPY -> bounded(snappy());
            case LZ4 -> bounded(lz4());
            case ZSTD -> bounded(zstd());
        };
    }

    static NoCompression.Builder none() {
        return new NoCompression.Builder();
    }

    static GzipCompression.Builder gzip() {
        return new GzipCompression.Builder();
    }

    static SnappyCompression.Builder snappy() {
        return new SnappyCompression.Builder();
    }

    static Lz4Compression.Builder lz4() {
        return new Lz4Compression.Builder();
    }

    static ZstdCompression.Builder zstd() {
        return new ZstdCompression.Builder();
    }

    private static Builder<Compression> bounded(Builder<? extends Compression> codec) {
        return () -> new Bounded(codec.build());
    }

    /** A codec whose batches are read within bounds. */
    record Bounded(Compression codec) implements Compression {
        /** The batch's number of records is in the four bytes before the first. */
        private static final int COUNT_BEFORE_RECORDS = 4;

        @Override
        public CompressionType type() {
            return codec.type();
        }

        @Override
        public OutputStream wrapForOutput(ByteBufferOutputStream out, byte messageVersion) {
            return codec.wrapForOutput(out, messageVersion);
        }

        @Override
        public InputStream wrapForInput(ByteBuffer buffer, byte messageVersion, BufferSupplier buffers) {
            // Brokers of today store no older form, whatever a sender uses.
            if (messageVersion < RecordBatch.MAGIC_VALUE_V2) {
                return codec.wrapForInput(buffer, messageVersion, buffers);
            }
            int records = buffer.getInt(buffer.position() - COUNT_BEFORE_RECORDS);
            return new BoundedRecords(records, codec.wrapForInput(buffer, messageVersion, buffers));
        }

        @Override
        public int decompressionOutputSize() {
            return codec.decompressionOutputSize();
        }
    }
}
