"""The page: how the warehouses are now and were before. It reads, and writes nothing but what people do."""
