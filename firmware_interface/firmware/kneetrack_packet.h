/* The open packet format of kneetrack, version 1: a portable encoder in C99. See ../PACKET_FORMAT.md for every byte.
 *
 * No allocation, no library beyond <stdint.h> and <stddef.h>, no assumption about byte order or alignment. One packet is
 * built in a buffer of the caller's: add samples as they are taken; when it says so, send the packet and go on.
 *
 *     static kt_packet packet;
 *     kt_begin(&packet, 244, 10000, 16, 2000);             largest packet, 10 ms between samples, 16 g, 2000 deg/s
 *     for (;;) {
 *         if (!kt_fits(&packet, time_us)) {                 full, or the spacing of the samples broke
 *             send(packet.bytes, kt_finish(&packet, battery_percent));
 *         }
 *         kt_add(&packet, time_us, acc, gyr, NULL);         every sample taken, whether it can be sent or not
 *     }
 *
 * Licence: MIT, as kneetrack.
 */
#ifndef KNEETRACK_PACKET_H
#define KNEETRACK_PACKET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KT_SERVICE_UUID "e5a40001-68b7-44f1-9f2d-298b09b2118c"
#define KT_DATA_UUID "e5a40002-68b7-44f1-9f2d-298b09b2118c"
#define KT_CONTROL_UUID "e5a40003-68b7-44f1-9f2d-298b09b2118c"

#define KT_START 0x01u /* a write to control: 01, rate in Hz as u16 */
#define KT_STOP 0x00u  /* a write to control: 00 */

#define KT_MAGIC 0x4Bu
#define KT_VERSION 1u
#define KT_MAGNETOMETER 0x01u
#define KT_HEADER_BYTES 18u
#define KT_CRC_BYTES 2u
#define KT_LARGEST_BYTES 512u
#define KT_MOST_SAMPLES 40u
#define KT_BATTERY_UNKNOWN 255u

/* A packet that is being filled. Only `bytes` is for others to read. */
typedef struct {
    uint8_t bytes[KT_LARGEST_BYTES];
    uint16_t room;     /* the longest packet, bytes */
    uint16_t step_us;  /* nominal spacing of the samples */
    uint16_t gyr_dps;  /* full scale of the gyroscope */
    uint8_t acc_g;     /* full scale of the accelerometer */
    uint8_t magnetic;  /* whether samples carry a magnetic field */
    uint8_t count;     /* samples in it */
    uint32_t counter;  /* of its first sample */
    uint32_t first_us; /* device time of its first and last sample */
    uint32_t last_us;
} kt_packet;

/* Prepare an empty packet; its sample counter begins at 0. room: the longest notification, ATT MTU less 3.
 * step_us: microseconds from one sample to the next. Returns 0, and changes nothing, where room cannot hold one sample
 * or where a number is zero; else 1. */
int kt_begin(kt_packet *packet, uint16_t room, uint16_t step_us, uint8_t acc_g, uint16_t gyr_dps);

/* As kt_begin, for samples with a magnetic field. */
int kt_begin_magnetic(kt_packet *packet, uint16_t room, uint16_t step_us, uint8_t acc_g, uint16_t gyr_dps);

/* Another longest notification, once the MTU is known. Returns 0, and changes nothing, where it cannot hold a sample or
 * what has been added. */
int kt_set_room(kt_packet *packet, uint16_t room);

/* Another spacing, once the rate was chosen; only while the packet is empty. Returns 0 where it is not, or step_us is 0. */
int kt_set_step(kt_packet *packet, uint16_t step_us);

/* Whether a sample taken at time_us can be added: there is room, and it follows the last one by the spacing, to a
 * quarter of it. */
int kt_fits(const kt_packet *packet, uint32_t time_us);

/* Add a sample: raw values, full scale = 32768; mag in 0.1 uT, or NULL where the packet has none. A sample that does not
 * fit begins a new packet: what was not finished before is dropped, and its samples stay counted. Returns 0 where that
 * happened, else 1. */
int kt_add(kt_packet *packet, uint32_t time_us, const int16_t acc[3], const int16_t gyr[3], const int16_t mag[3]);

/* Count samples that were taken and will never be added, so that the receiver sees them as lost. A packet that has been
 * begun is dropped, its samples count as lost too. */
void kt_skip(kt_packet *packet, uint32_t samples);

/* Complete the packet and make room for the next. Returns its length in bytes, 0 where it holds no sample. The bytes are
 * valid until the next kt_add. battery: per cent, or KT_BATTERY_UNKNOWN. */
size_t kt_finish(kt_packet *packet, uint8_t battery);

/* CRC-16/CCITT-FALSE; of "123456789" it is 0x29B1. */
uint16_t kt_crc16(const uint8_t *bytes, size_t length);

/* A physical value as a raw one: value / full_scale * 32768, rounded to the nearest, halves to even, held at the ends of
 * the range. Not a number becomes the lower end, which receivers take as clipped. */
int16_t kt_raw(float value, float full_scale);

#ifdef __cplusplus
}
#endif

#endif
