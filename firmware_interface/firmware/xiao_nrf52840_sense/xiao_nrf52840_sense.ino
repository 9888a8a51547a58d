/* A kneetrack sensor from a Seeed XIAO nRF52840 Sense: its LSM6DS3TR-C over BLE, in the open packet format.
 *
 * NOT TRIED ON A BOARD. It was written from data sheets and documentation. The tests compile the encoder that it uses,
 * not this sketch. Expect to mend it, and please report what you mended.
 *
 * Board: "Seeed XIAO BLE Sense - nRF52840" of the package "Seeed nRF52 mbed-enabled Boards". Library: ArduinoBLE.
 * Copy kneetrack_packet.h and kneetrack_packet.c from the folder above into this one before compiling.
 *
 * Each sample is the mean of four readings of the inertial unit, spread over the time from one sample to the next: that
 * keeps heel strikes from folding into the band, and delays both signals alike. Its time stamp is the mean of the
 * readings' times. Registers: ST, LSM6DS3TR-C data sheet (DocID030071), chapter 9.
 */
#include <ArduinoBLE.h>
#include <Wire.h>

#include "kneetrack_packet.h"

static const uint8_t IMU = 0x6A; /* on the board's own bus, Wire1 */
static const uint8_t CTRL1_XL = 0x10, CTRL2_G = 0x11, CTRL3_C = 0x12, OUTX_L_G = 0x22;
/* Full scales as 32768 counts: 0.488 mg and 70 mdps a count (data sheet, table 3) are 15.99 g and 2293.8 deg/s. */
static const uint8_t ACC_G = 16;
static const uint16_t GYR_DPS = 2294;

static const uint8_t READINGS = 4;         /* a sample */
static const uint8_t SAMPLES_A_PACKET = 4; /* 68 bytes: any computer's MTU holds them */
static const uint16_t RATES_HZ[] = {25, 50, 60, 100, 200};

static BLEService service(KT_SERVICE_UUID);
static BLECharacteristic data(KT_DATA_UUID, BLENotify, KT_HEADER_BYTES + 12 * SAMPLES_A_PACKET + KT_CRC_BYTES);
static BLECharacteristic control(KT_CONTROL_UUID, BLEWrite, 3);

static kt_packet packet;
static bool streaming = false;
static uint32_t step_us = 10000; /* between samples */
static uint32_t next_us = 0;     /* when the next reading is due */

/* The readings of the sample that is being taken. */
static int32_t sums[6];
static bool at_end[6];
static uint8_t readings = 0;
static uint32_t first_us = 0;

static bool write_register(uint8_t address, uint8_t value) {
    Wire1.beginTransmission(IMU);
    Wire1.write(address);
    Wire1.write(value);
    return Wire1.endTransmission() == 0;
}

/* Angular rate, then acceleration: six raw values. */
static bool read_imu(int16_t values[6]) {
    Wire1.beginTransmission(IMU);
    Wire1.write(OUTX_L_G);
    if (Wire1.endTransmission(false) != 0 || Wire1.requestFrom(IMU, (uint8_t)12) != 12) return false;
    for (uint8_t i = 0; i < 6; i++) {
        const uint8_t low = Wire1.read(), high = Wire1.read();
        values[i] = (int16_t)(uint16_t)(low | high << 8);
    }
    return true;
}

static void begin_sample(void) {
    for (uint8_t i = 0; i < 6; i++) {
        sums[i] = 0;
        at_end[i] = false;
    }
    readings = 0;
}

static void start(uint16_t wanted_hz) {
    uint16_t rate_hz = RATES_HZ[0];
    for (uint16_t each : RATES_HZ) {
        if (abs((int)each - (int)wanted_hz) < abs((int)rate_hz - (int)wanted_hz)) rate_hz = each;
    }
    kt_skip(&packet, 0); /* what had been begun is not sent any more */
    step_us = (1000000u + rate_hz / 2) / rate_hz;
    kt_set_step(&packet, (uint16_t)step_us);
    begin_sample();
    next_us = micros() + step_us;
    streaming = true;
}

static void on_control(BLEDevice, BLECharacteristic) {
    const uint8_t *value = control.value();
    const int length = control.valueLength();
    if (length == 3 && value[0] == KT_START) {
        start((uint16_t)(value[1] | value[2] << 8));
    } else if (length == 1 && value[0] == KT_STOP) {
        streaming = false;
    }
}

static void send_packet(void) {
    const size_t length = kt_finish(&packet, KT_BATTERY_UNKNOWN);
    if (length > 0) data.writeValue(packet.bytes, (int)length);
}

static void finish_sample(uint32_t last_us) {
    int16_t values[6];
    for (uint8_t i = 0; i < 6; i++) {
        /* A mean hides that a reading stood at the end of the range: then the whole sample says so. */
        values[i] = at_end[i] ? (sums[i] < 0 ? INT16_MIN : INT16_MAX) : (int16_t)(sums[i] / READINGS);
    }
    const uint32_t time_us = first_us + (last_us - first_us) / 2;
    if (!kt_fits(&packet, time_us)) send_packet();
    kt_add(&packet, time_us, values + 3, values, NULL);
    if (packet.count >= SAMPLES_A_PACKET) send_packet();
    begin_sample();
}

static void halt(void) {
    for (;;) { /* blinks: the inertial unit or the radio does not answer */
        digitalWrite(LED_BUILTIN, (millis() / 250) % 2);
    }
}

void setup(void) {
    pinMode(LED_BUILTIN, OUTPUT);
    NRF_CLOCK->TASKS_HFCLKSTART = 1; /* the crystal: without it micros() runs on an RC oscillator, off by per cents */
    NRF_P1->PIN_CNF[8] = 1u | 3u << 8; /* the inertial unit's supply, P1.08: output, strong drive */
    NRF_P1->OUTSET = 1u << 8;
    delay(50);
    Wire1.begin();
    Wire1.setClock(400000);
    const bool ready = write_register(CTRL3_C, 0x44)      /* whole samples only; addresses count on */
                       && write_register(CTRL1_XL, 0x74)  /* 833 Hz, 16 g */
                       && write_register(CTRL2_G, 0x7C);  /* 833 Hz, 2000 deg/s */
    const uint16_t room = KT_HEADER_BYTES + 12 * SAMPLES_A_PACKET + KT_CRC_BYTES;
    if (!ready || !kt_begin(&packet, room, (uint16_t)step_us, ACC_G, GYR_DPS) || !BLE.begin()) halt();
    BLE.setLocalName("kneetrack XIAO");
    BLE.setDeviceName("kneetrack XIAO");
    BLE.setConnectionInterval(12, 24); /* 15 to 30 ms, which every system grants */
    BLE.setAdvertisedService(service);
    service.addCharacteristic(data);
    service.addCharacteristic(control);
    BLE.addService(service);
    control.setEventHandler(BLEWritten, on_control);
    BLE.advertise();
}

void loop(void) {
    BLE.poll();
    if (!BLE.connected()) streaming = false;
    if (!streaming || (int32_t)(micros() - next_us) < 0) return;
    const uint32_t between_us = step_us / READINGS;
    int16_t values[6];
    const uint32_t now_us = micros();
    if (read_imu(values)) {
        if (readings == 0) first_us = now_us;
        for (uint8_t i = 0; i < 6; i++) {
            sums[i] += values[i];
            at_end[i] = at_end[i] || values[i] >= 32767 || values[i] <= -32767;
        }
        readings++;
    }
    if (readings == READINGS) finish_sample(now_us);
    next_us += between_us;
    const int32_t behind_us = (int32_t)(micros() - next_us);
    if (behind_us > (int32_t)step_us) {
        /* Too slow, or the bus failed: whole samples were never taken, and are counted as lost. */
        const uint32_t missed = (uint32_t)behind_us / step_us;
        send_packet();
        kt_skip(&packet, missed);
        begin_sample();
        next_us += missed * step_us;
    }
}
