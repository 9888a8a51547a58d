"""The operating system's own Bluetooth stack, tested without a radio: `python -m tests.os_stack`.

A Linux guest boots under software emulation with Debian's kernel, dbus and bluetoothd. Inside it a program holds two
virtual sensors and a virtual controller, which the kernel takes for a Bluetooth adapter (/dev/vhci); `kneetrack live`
runs there with stock bleak on BlueZ over D-Bus, from scan to summary, and loses one sensor's link on the way. Nothing
is replaced but the air. It tests function, not timing: while the guest works, its time is counted in instructions, so
that a busy machine changes little.
"""
