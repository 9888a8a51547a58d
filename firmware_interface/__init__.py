"""What the sensors say: packet formats, the BLE client, virtual sensors. Knows nothing of knees."""
