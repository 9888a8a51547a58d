/* See kneetrack_packet.h. */
#include "kneetrack_packet.h"

static void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value & 0xFFu);
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, (uint16_t)(value & 0xFFFFu));
    put16(at + 2, (uint16_t)(value >> 16));
}

static size_t sample_bytes(const kt_packet *packet) {
    return packet->magnetic ? 18u : 12u;
}

/* How many samples a packet of so many bytes holds. */
static size_t capacity(const kt_packet *packet, uint16_t room) {
    size_t most;
    if (room < KT_HEADER_BYTES + KT_CRC_BYTES) {
        return 0;
    }
    if (room > KT_LARGEST_BYTES) {
        room = KT_LARGEST_BYTES;
    }
    most = (room - KT_HEADER_BYTES - KT_CRC_BYTES) / sample_bytes(packet);
    if (most > KT_MOST_SAMPLES) {
        most = KT_MOST_SAMPLES;
    }
    return most;
}

static int begin(kt_packet *packet, uint16_t room, uint16_t step_us, uint8_t acc_g, uint16_t gyr_dps, uint8_t magnetic) {
    const size_t least = KT_HEADER_BYTES + KT_CRC_BYTES + (magnetic ? 18u : 12u);
    if (room < least || step_us == 0 || acc_g == 0 || gyr_dps == 0) {
        return 0;
    }
    packet->room = room;
    packet->step_us = step_us;
    packet->acc_g = acc_g;
    packet->gyr_dps = gyr_dps;
    packet->magnetic = magnetic;
    packet->count = 0;
    packet->counter = 0;
    packet->first_us = 0;
    packet->last_us = 0;
    return 1;
}

int kt_begin(kt_packet *packet, uint16_t room, uint16_t step_us, uint8_t acc_g, uint16_t gyr_dps) {
    return begin(packet, room, step_us, acc_g, gyr_dps, 0);
}

int kt_begin_magnetic(kt_packet *packet, uint16_t room, uint16_t step_us, uint8_t acc_g, uint16_t gyr_dps) {
    return begin(packet, room, step_us, acc_g, gyr_dps, 1);
}

int kt_set_room(kt_packet *packet, uint16_t room) {
    const size_t most = capacity(packet, room);
    if (most == 0 || most < packet->count) {
        return 0;
    }
    packet->room = room;
    return 1;
}

int kt_set_step(kt_packet *packet, uint16_t step_us) {
    if (packet->count != 0 || step_us == 0) {
        return 0;
    }
    packet->step_us = step_us;
    return 1;
}

int kt_fits(const kt_packet *packet, uint32_t time_us) {
    const uint32_t tolerance = packet->step_us / 4u;
    uint32_t passed;
    if (packet->count == 0) {
        return 1;
    }
    if (packet->count >= capacity(packet, packet->room)) {
        return 0;
    }
    passed = time_us - packet->last_us; /* right across the wrap of the clock too */
    return passed >= packet->step_us - tolerance && passed <= packet->step_us + tolerance;
}

static void drop(kt_packet *packet) {
    packet->counter += packet->count;
    packet->count = 0;
}

int kt_add(kt_packet *packet, uint32_t time_us, const int16_t acc[3], const int16_t gyr[3], const int16_t mag[3]) {
    const int fits = kt_fits(packet, time_us);
    uint8_t *at;
    int axis;
    if (!fits) {
        drop(packet);
    }
    if (packet->count == 0) {
        packet->first_us = time_us;
    }
    packet->last_us = time_us;
    at = packet->bytes + KT_HEADER_BYTES + packet->count * sample_bytes(packet);
    for (axis = 0; axis < 3; axis++) {
        put16(at + 2 * axis, (uint16_t)acc[axis]);
        put16(at + 6 + 2 * axis, (uint16_t)gyr[axis]);
        if (packet->magnetic) {
            put16(at + 12 + 2 * axis, (uint16_t)(mag != NULL ? mag[axis] : 0));
        }
    }
    packet->count++;
    return fits;
}

void kt_skip(kt_packet *packet, uint32_t samples) {
    drop(packet);
    packet->counter += samples;
}

/* Mean spacing of the samples, rounded to the nearest, halves to even. */
static uint16_t spacing(const kt_packet *packet) {
    uint32_t gaps, span, whole, rest;
    if (packet->count < 2) {
        return packet->step_us;
    }
    gaps = packet->count - 1u;
    span = packet->last_us - packet->first_us;
    whole = span / gaps;
    rest = span % gaps;
    if (2u * rest > gaps || (2u * rest == gaps && (whole & 1u))) {
        whole++;
    }
    return (uint16_t)(whole > 0xFFFFu ? 0xFFFFu : whole);
}

size_t kt_finish(kt_packet *packet, uint8_t battery) {
    uint8_t *to = packet->bytes;
    const size_t length = KT_HEADER_BYTES + packet->count * sample_bytes(packet);
    if (packet->count == 0) {
        return 0;
    }
    to[0] = KT_MAGIC;
    to[1] = KT_VERSION;
    to[2] = packet->magnetic ? KT_MAGNETOMETER : 0u;
    to[3] = packet->count;
    put32(to + 4, packet->counter);
    put32(to + 8, packet->first_us);
    put16(to + 12, spacing(packet));
    to[14] = battery;
    to[15] = packet->acc_g;
    put16(to + 16, packet->gyr_dps);
    put16(to + length, kt_crc16(to, length));
    drop(packet);
    return length + KT_CRC_BYTES;
}

uint16_t kt_crc16(const uint8_t *bytes, size_t length) {
    uint32_t crc = 0xFFFFu;
    size_t i;
    int bit;
    for (i = 0; i < length; i++) {
        crc ^= (uint32_t)bytes[i] << 8;
        for (bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000u) ? ((crc << 1) ^ 0x1021u) & 0xFFFFu : (crc << 1) & 0xFFFFu;
        }
    }
    return (uint16_t)crc;
}

int16_t kt_raw(float value, float full_scale) {
    const float scaled = value / full_scale * 32768.0f;
    int32_t below;
    float part;
    if (!(scaled > -32768.0f)) { /* not a number as well */
        return INT16_MIN;
    }
    if (scaled >= 32767.0f) {
        return INT16_MAX;
    }
    below = (int32_t)scaled; /* towards zero */
    if ((float)below > scaled) {
        below--;
    }
    part = scaled - (float)below;
    if (part > 0.5f || (part == 0.5f && (below & 1))) {
        below++;
    }
    return (int16_t)below;
}
