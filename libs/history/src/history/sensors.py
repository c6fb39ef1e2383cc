"""The sensors of a place."""

from sqlalchemy import Connection, select

from history.tables import sensor


def sensors_of(connection: Connection, entity_id: str, stream: str) -> dict[int, str]:
    """Return the sensors of a place and stream that ever reported: their number in the tables, and their name.

    The name is empty where the messages name none.
    """
    rows = connection.execute(
        select(sensor.c.id, sensor.c.sensor_id)
        .where(sensor.c.entity_id == entity_id, sensor.c.stream == stream)
        .order_by(sensor.c.sensor_id)
    )
    return {row.id: row.sensor_id for row in rows}
