/*
 * gpmf_known.c
 *	  The table of known FourCCs.
 *
 * Read it as documentation: per stream its meaning, then one line per element in stored (and, for
 * axes, re-oriented) order.  To teach a FourCC, write its columns and one line in known[].  A name that
 * occurs twice has the same unit and meaning each time; a unit test holds that.
 */
#include "format/gpmf/gpmf_known.h"

#include <stddef.h>
#include <string.h>

#include "format/gpmf/gpmf_decode.h"

#define U(name, unit, meaning)        \
	{                                 \
		name, unit, meaning ", " unit \
	}
#define N(name, meaning)  \
	{                     \
		name, "", meaning \
	}

#define LATITUDE U("latitude", "deg", "latitude, WGS 84")
#define LONGITUDE U("longitude", "deg", "longitude, WGS 84")
#define ALTITUDE U("altitude_m", "m", "altitude, above mean sea level or the ellipsoid as the device has it")
#define SPEED_2D U("speed_2d_mps", "m/s", "speed over ground")
#define SPEED_3D U("speed_3d_mps", "m/s", "speed in space")
#define BOOT U("boot_s", "s", "time since the drone's boot")
#define GIMBAL U("gimbal_s", "s", "time on the gimbal's clock")
#define HEADING U("heading_deg", "deg", "heading, clockwise from north")
#define ROLL U("roll_rad", "rad", "roll")
#define PITCH U("pitch_rad", "rad", "pitch")
#define YAW U("yaw_rad", "rad", "yaw")
#define V_NORTH U("velocity_north_mps", "m/s", "velocity to the north")
#define V_EAST U("velocity_east_mps", "m/s", "velocity to the east")
#define V_DOWN U("velocity_down_mps", "m/s", "velocity downward")
#define FACE_ID N("face_id", "number of the face, kept while it is followed")
#define FACE_X N("face_x", "left edge of the face, fraction of the frame's width")
#define FACE_Y N("face_y", "upper edge of the face, fraction of the frame's height")
#define FACE_W N("face_width", "width of the face, fraction of the frame's")
#define FACE_H N("face_height", "height of the face, fraction of the frame's")
#define FACE_CONFIDENCE N("face_confidence", "confidence that it is a face")
#define FACE_SMILE N("face_smile", "how much the face smiles")
#define FACE_BLINK N("face_blink", "how much the eyes are shut")

/* Axes: after re-orientation every camera reads Z (up), X (right), Y (forward). */
static const EpGpmfColumn accl[] = {U("accel_z_mps2", "m/s2", "acceleration upward (9.81 at rest)"),
									U("accel_x_mps2", "m/s2", "acceleration to the right"),
									U("accel_y_mps2", "m/s2", "acceleration forward")};
static const EpGpmfColumn gyro[] = {U("gyro_z_radps", "rad/s", "turn rate about the up axis"),
									U("gyro_x_radps", "rad/s", "turn rate about the right axis"),
									U("gyro_y_radps", "rad/s", "turn rate about the forward axis")};
static const EpGpmfColumn magn[] = {U("mag_z_ut", "uT", "magnetic field, up axis"),
									U("mag_x_ut", "uT", "magnetic field, right axis"),
									U("mag_y_ut", "uT", "magnetic field, forward axis"),
									N("mag_extra", "fourth, undocumented element of the magnetometer")};
static const EpGpmfColumn gps5[] = {LATITUDE, LONGITUDE, ALTITUDE, SPEED_2D, SPEED_3D};
static const EpGpmfColumn gps9[] = {LATITUDE,
									LONGITUDE,
									ALTITUDE,
									SPEED_2D,
									SPEED_3D,
									U("days_since_2000", "d", "UTC date as days since 2000-01-01"),
									U("seconds_of_day", "s", "UTC time of day"),
									N("dilution_of_precision", "dilution of precision, below 5 is good"),
									N("gps_fix", "GPS fix: 0 none, 2 two-dimensional, 3 three-dimensional")};
static const EpGpmfColumn shut[] = {U("exposure_s", "s", "exposure time of the frame")};
static const EpGpmfColumn isog[] = {N("sensor_gain", "sensor gain; 1 is ISO 100")};
static const EpGpmfColumn isoe[] = {N("iso", "sensor sensitivity, ISO")};
static const EpGpmfColumn alld[] = {U("frame_duration_s", "s", "frame duration under auto low light")};
static const EpGpmfColumn wbal[] = {U("white_balance_k", "K", "white balance, colour temperature")};
static const EpGpmfColumn wrgb[] = {N("white_gain_red", "white balance gain of red"),
									N("white_gain_green", "white balance gain of green"),
									N("white_gain_blue", "white balance gain of blue")};
static const EpGpmfColumn face6[] = {FACE_ID, FACE_X, FACE_Y, FACE_W, FACE_H};
#define FACE_UNUSED(n) N("face_unused_" n, "unused field " n " of the face record")
static const EpGpmfColumn face7[] = {FACE_ID,
									 FACE_X,
									 FACE_Y,
									 FACE_W,
									 FACE_H,
									 FACE_UNUSED("1"),
									 FACE_UNUSED("2"),
									 FACE_UNUSED("3"),
									 FACE_UNUSED("4"),
									 FACE_UNUSED("5"),
									 FACE_UNUSED("6"),
									 FACE_UNUSED("7"),
									 FACE_UNUSED("8"),
									 FACE_UNUSED("9"),
									 FACE_UNUSED("10"),
									 FACE_UNUSED("11"),
									 FACE_UNUSED("12"),
									 FACE_UNUSED("13"),
									 FACE_UNUSED("14"),
									 FACE_UNUSED("15"),
									 FACE_UNUSED("16"),
									 FACE_UNUSED("17"),
									 FACE_SMILE};
static const EpGpmfColumn face8[] = {FACE_ID, FACE_X, FACE_Y, FACE_W, FACE_H, FACE_CONFIDENCE, FACE_SMILE};
static const EpGpmfColumn face10[] = {N("face_version", "version of the face record"),
									  FACE_CONFIDENCE,
									  FACE_ID,
									  FACE_X,
									  FACE_Y,
									  FACE_W,
									  FACE_H,
									  FACE_SMILE,
									  FACE_BLINK};
static const EpGpmfColumn fcnm[] = {N("face_count", "faces in the frame")};
static const EpGpmfColumn yavg[] = {N("luma_average", "mean brightness of the frame")};
static const EpGpmfColumn hues[] = {N("hue", "predominant hue, 0 to 255 around the colour wheel"),
									N("hue_weight", "weight of the hue in the frame")};
static const EpGpmfColumn unif[] = {N("uniformity", "uniformity of the image, 0 to 1")};
static const EpGpmfColumn scen[] = {N("scene", "scene class: SNOW, URBA, INDO, WATR, VEGE, BEAC"),
									N("scene_probability", "probability of the scene class, 0 to 1")};
static const EpGpmfColumn srot[] = {U("sensor_readout_ms", "ms", "sensor read-out time")};
static const EpGpmfColumn cori[] = {
	N("camera_quaternion_w", "camera orientation since capture start, quaternion w"),
	N("camera_quaternion_x", "camera orientation since capture start, quaternion x"),
	N("camera_quaternion_z", "camera orientation since capture start, quaternion z"),
	N("camera_quaternion_y", "camera orientation since capture start, quaternion y")};
static const EpGpmfColumn iori[] = {
	N("image_quaternion_w", "image orientation relative to the camera, quaternion w"),
	N("image_quaternion_x", "image orientation relative to the camera, quaternion x"),
	N("image_quaternion_z", "image orientation relative to the camera, quaternion z"),
	N("image_quaternion_y", "image orientation relative to the camera, quaternion y")};
static const EpGpmfColumn grav[] = {N("gravity_x", "gravity vector along the right axis"),
									N("gravity_minus_z", "gravity vector against the up axis"),
									N("gravity_minus_y", "gravity vector against the forward axis")};
static const EpGpmfColumn wndm[] = {N("wind_processing", "1 while wind noise is suppressed"),
									N("wind_level", "wind level, 0 to 100")};
static const EpGpmfColumn mwet[] = {N("microphone_wet", "1 while the microphone is wet"),
									N("microphones_all", "microphones in use flag"),
									N("microphone_confidence", "confidence of the wet detection")};
static const EpGpmfColumn aalp[] = {U("audio_rms_dbfs", "dBFS", "audio level, root mean square"),
									U("audio_peak_dbfs", "dBFS", "audio level, peak")};
static const EpGpmfColumn disp[] = {N("disparity", "disparity of the 360 degree lenses")};
static const EpGpmfColumn mnor[] = {N("magnetic_north_x", "vector to magnetic north, first component"),
									N("magnetic_north_y", "vector to magnetic north, second component"),
									N("magnetic_north_z", "vector to magnetic north, third component")};
static const EpGpmfColumn ocnf[] = {
	N("orientation_confidence", "confidence of the vector to magnetic north")};
static const EpGpmfColumn mskp[] = {N("main_skipped", "frames skipped in the main video")};
static const EpGpmfColumn lskp[] = {
	N("low_resolution_skipped", "frames skipped in the low-resolution video")};
static const EpGpmfColumn hlmt[] = {U("highlight_ms", "ms", "time of the highlight in the video"),
									U("highlight_in_ms", "ms", "start of the highlight"),
									U("highlight_out_ms", "ms", "end of the highlight"),
									LATITUDE,
									LONGITUDE,
									ALTITUDE,
									N("highlight_kind", "who set the highlight: MANL, AIMU, AACD, FUSE"),
									N("highlight_confidence", "confidence of the highlight"),
									N("highlight_score", "score of the highlight")};

/* Karma: MAVLink messages. */
static const EpGpmfColumn kbat[] = {
	U("current_a", "A", "battery current, negative while draining"),
	U("consumed_ah", "Ah", "charge drawn from the battery"),
	U("energy_millijoule", "mJ", "energy drawn; the stream says J, its numbers are 1000 times that"),
	U("temperature_c", "degC", "temperature"),
	U("cell_1_v", "V", "voltage of battery cell 1"),
	U("cell_2_v", "V", "voltage of battery cell 2"),
	U("cell_3_v", "V", "voltage of battery cell 3"),
	U("cell_4_v", "V", "voltage of battery cell 4"),
	U("remaining_60ths_s", "1/60 s", "time left; the stream says s, its numbers are 60 times that"),
	N("battery_percent_unused", "a percentage that the firmware leaves 0"),
	N("battery_unknown", "undocumented field of the battery message"),
	N("battery_flag_1", "undocumented battery flag 1"),
	N("battery_flag_2", "undocumented battery flag 2"),
	N("battery_flag_3", "undocumented battery flag 3"),
	U("remaining_percent", "%", "battery charge left")};
static const EpGpmfColumn gpri[] = {BOOT,
									LATITUDE,
									LONGITUDE,
									ALTITUDE,
									U("horizontal_error_m", "m", "horizontal position uncertainty"),
									U("vertical_error_m", "m", "vertical position uncertainty"),
									SPEED_2D,
									U("course_deg", "deg", "course over ground, clockwise from north"),
									N("fix_type", "GPS fix type, MAVLink GPS_FIX_TYPE"),
									N("satellites", "satellites in use")};
static const EpGpmfColumn glpi[] = {
	BOOT,    LATITUDE, LONGITUDE, ALTITUDE, U("height_m", "m", "height above the take-off point"),
	V_NORTH, V_EAST,   V_DOWN,    HEADING};
static const EpGpmfColumn attd[] = {BOOT,
									ROLL,
									PITCH,
									YAW,
									U("roll_rate_radps", "rad/s", "roll rate"),
									U("pitch_rate_radps", "rad/s", "pitch rate"),
									U("yaw_rate_radps", "rad/s", "yaw rate"),
									N("attitude_status", "undocumented status byte of the attitude message")};
static const EpGpmfColumn attr[] = {
	U("boot_ms", "ms", "time since the drone's boot; the stream says s, its numbers are 1000 times that"),
	U("target_roll_rad", "rad", "commanded roll"), U("target_pitch_rad", "rad", "commanded pitch"),
	U("target_yaw_rad", "rad", "commanded yaw"), N("target_thrust", "commanded thrust, 0 to 1")};
static const EpGpmfColumn simu[] = {BOOT,
									U("accel_x_g", "g", "acceleration, x axis of the body"),
									U("accel_y_g", "g", "acceleration, y axis of the body"),
									U("accel_z_g", "g", "acceleration, z axis of the body"),
									U("gyro_x_radps", "rad/s", "turn rate about the right axis"),
									U("gyro_y_radps", "rad/s", "turn rate about the forward axis"),
									U("gyro_z_radps", "rad/s", "turn rate about the up axis"),
									U("mag_x_10ut", "10 uT", "magnetic field, x axis of the body"),
									U("mag_y_10ut", "10 uT", "magnetic field, y axis of the body"),
									U("mag_z_10ut", "10 uT", "magnetic field, z axis of the body")};
static const EpGpmfColumn lned[] = {BOOT,
									U("north_m", "m", "position north of the take-off point"),
									U("east_m", "m", "position east of the take-off point"),
									U("down_m", "m", "position below the take-off point"),
									V_NORTH,
									V_EAST,
									V_DOWN};
static const EpGpmfColumn vfrh[] = {
	U("air_speed_mps", "m/s", "air speed; 0 on drones without a sensor for it"),
	SPEED_2D,
	ALTITUDE,
	U("climb_mps", "m/s", "climb rate"),
	HEADING,
	U("throttle_percent", "%", "throttle")};
static const EpGpmfColumn syst[] = {BOOT, U("unix_s", "s", "time since 1970-01-01 UTC")};
static const EpGpmfColumn bpos[] = {
	LATITUDE,
	LONGITUDE,
	ALTITUDE,
	HEADING,
	U("controller_5_deg", "deg", "undocumented field 5 of the controller message"),
	U("controller_6_m", "m", "undocumented field 6 of the controller message"),
	U("controller_7_m", "m", "undocumented field 7 of the controller message"),
	U("controller_8_m", "m", "undocumented field 8 of the controller message")};

#define ESC_RPM(n) U("esc_" n "_rpm", "rpm", "speed of motor " n)
#define ESC_SET(n) U("esc_" n "_second_rpm", "rpm", "second speed field of motor " n)
#define ESC_TEMPERATURE(n) U("esc_" n "_temperature_cdegc", "0.01 degC", "temperature of motor controller " n)
#define ESC_VOLTAGE(n) U("esc_" n "_voltage_mv", "mV", "voltage at motor controller " n)
#define ESC_CURRENT(n) U("esc_" n "_current_ma", "mA", "current of motor controller " n)
#define ESC_STATUS(n) N("esc_status_" n, "status word " n " of the motor controllers")
static const EpGpmfColumn escs[] = {
	U("boot_us", "us", "time since the drone's boot"),
	ESC_RPM("1"),
	ESC_RPM("2"),
	ESC_RPM("3"),
	ESC_RPM("4"),
	ESC_SET("1"),
	ESC_SET("2"),
	ESC_SET("3"),
	ESC_SET("4"),
	ESC_TEMPERATURE("1"),
	ESC_TEMPERATURE("2"),
	ESC_TEMPERATURE("3"),
	ESC_TEMPERATURE("4"),
	ESC_VOLTAGE("1"),
	ESC_VOLTAGE("2"),
	ESC_VOLTAGE("3"),
	ESC_VOLTAGE("4"),
	ESC_CURRENT("1"),
	ESC_CURRENT("2"),
	ESC_CURRENT("3"),
	ESC_CURRENT("4"),
	ESC_STATUS("1"),
	ESC_STATUS("2"),
	ESC_STATUS("3"),
	ESC_STATUS("4"),
	ESC_STATUS("5"),
	ESC_STATUS("6"),
	ESC_STATUS("7"),
	ESC_STATUS("8"),
	N("esc_flags", "flags of the motor controllers"),
};
static const EpGpmfColumn scpr[] = {BOOT, U("pressure_pa", "Pa", "absolute pressure"),
									U("differential_pressure_pa", "Pa", "differential pressure"),
									U("temperature_c", "degC", "temperature")};
static const EpGpmfColumn cyts[] = {GIMBAL,
									N("gimbal_flag_1", "undocumented gimbal flag 1"),
									N("gimbal_flag_2", "undocumented gimbal flag 2"),
									N("gimbal_flag_3", "undocumented gimbal flag 3"),
									N("gimbal_flag_4", "undocumented gimbal flag 4"),
									U("gimbal_angle_1_rad", "rad", "gimbal angle 1"),
									U("gimbal_angle_2_rad", "rad", "gimbal angle 2"),
									U("gimbal_angle_3_rad", "rad", "gimbal angle 3"),
									N("gimbal_state_1", "undocumented gimbal state 1"),
									N("gimbal_state_2", "undocumented gimbal state 2")};
static const EpGpmfColumn csen[] = {
	GIMBAL,
	U("gimbal_gyro_x_radps", "rad/s", "turn rate of the gimbal, x axis"),
	U("gimbal_gyro_y_radps", "rad/s", "turn rate of the gimbal, y axis"),
	U("gimbal_gyro_z_radps", "rad/s", "turn rate of the gimbal, z axis"),
	U("gimbal_accel_x_g", "g", "acceleration of the gimbal, x axis"),
	U("gimbal_accel_y_g", "g", "acceleration of the gimbal, y axis"),
	U("gimbal_accel_z_g", "g", "acceleration of the gimbal, z axis"),
	N("gimbal_joint_1_bits", "joint angle 1 in rad, as the bits of a float that the stream calls an integer"),
	N("gimbal_joint_2_bits", "joint angle 2 in rad, as the bits of a float that the stream calls an integer"),
	N("gimbal_joint_3_bits", "joint angle 3 in rad, as the bits of a float that the stream calls an integer"),
	N("gimbal_temperature_bits",
	  "temperature in degC, as the bits of a float that the stream calls an integer")};

#define OF(columns) sizeof(columns) / sizeof *(columns), columns
#define BOOT_CLOCK(unit) EP_GPMF_CLOCK_BOOT, unit
#define GIMBAL_CLOCK EP_GPMF_CLOCK_GIMBAL, 1

static const EpGpmfKnown known[] = {
	{"ACCL", "accelerometer", NULL, OF(accl), 0, 0},
	{"GYRO", "gyroscope", NULL, OF(gyro), 0, 0},
	{"MAGN", "magnetometer", NULL, 3, magn, 0, 0},
	{"MAGN", "magnetometer", NULL, 4, magn, 0, 0},
	{"GPS5", "GPS position and speed", NULL, OF(gps5), 0, 0},
	{"GPS9", "GPS position, speed and time", NULL, OF(gps9), 0, 0},
	{"SHUT", "exposure time", NULL, OF(shut), 0, 0},
	{"ISOG", "sensor gain", NULL, OF(isog), 0, 0},
	{"ISOE", "sensor ISO", NULL, OF(isoe), 0, 0},
	{"ALLD", "auto low light frame duration", NULL, OF(alld), 0, 0},
	{"WBAL", "white balance temperature", NULL, OF(wbal), 0, 0},
	{"WRGB", "white balance gains", NULL, OF(wrgb), 0, 0},
	{"FACE", "faces, HERO6", "Lffff", OF(face6), 0, 0},
	{"FACE", "faces, HERO7", NULL, OF(face7), 0, 0},
	{"FACE", "faces, HERO8", "Lffffff", OF(face8), 0, 0},
	{"FACE", "faces, HERO10", "BBSSSSSBB", OF(face10), 0, 0},
	{"FCNM", "number of faces", NULL, OF(fcnm), 0, 0},
	{"YAVG", "mean luminance", NULL, OF(yavg), 0, 0},
	{"HUES", "predominant hues", NULL, OF(hues), 0, 0},
	{"UNIF", "image uniformity", NULL, OF(unif), 0, 0},
	{"SCEN", "scene classification", "Ff", OF(scen), 0, 0},
	{"SROT", "sensor read-out time", NULL, OF(srot), 0, 0},
	{"CORI", "camera orientation", NULL, OF(cori), 0, 0},
	{"IORI", "image orientation", NULL, OF(iori), 0, 0},
	{"GRAV", "gravity vector", NULL, OF(grav), 0, 0},
	{"WNDM", "wind processing", NULL, OF(wndm), 0, 0},
	{"MWET", "microphone wet", NULL, OF(mwet), 0, 0},
	{"AALP", "audio level", NULL, OF(aalp), 0, 0},
	{"DISP", "disparity", NULL, OF(disp), 0, 0},
	{"MNOR", "vector to magnetic north", NULL, OF(mnor), 0, 0},
	{"OCNF", "confidence of the vector to magnetic north", NULL, OF(ocnf), 0, 0},
	{"MSKP", "frame skips, main video", NULL, OF(mskp), 0, 0},
	{"LSKP", "frame skips, low-resolution video", NULL, OF(lskp), 0, 0},
	{"LOGS", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"EVTG", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"GPDP", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"GPDH", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"CSCT", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"CSCB", "internal to the camera", NULL, 0, NULL, 0, 0},
	{"FWVS", "drone firmware version, a text", NULL, 0, NULL, 0, 0},
	{"HLMT", "highlights", "LLLllfFff", OF(hlmt), 0, 0},
	{"KBAT", "drone battery", "lLlsSSSSSSSBBBb", OF(kbat), 0, 0},
	{"GPRI", "drone GPS, raw", "JlllSSSSBB", OF(gpri), BOOT_CLOCK(1)},
	{"GLPI", "drone position", "LllllsssS", OF(glpi), BOOT_CLOCK(1)},
	{"ATTD", "drone attitude", "LffffffB", OF(attd), BOOT_CLOCK(1)},
	{"ATTR", "drone attitude target", "Jffff", OF(attr), BOOT_CLOCK(1e-3)},
	{"SIMU", "drone inertial unit", "Lsssssssss", OF(simu), BOOT_CLOCK(1)},
	{"LNED", "drone local position", "Lffffff", OF(lned), BOOT_CLOCK(1)},
	{"VFRH", "drone flight display", "ffffsS", OF(vfrh), EP_GPMF_CLOCK_TWIN, 0},
	{"SYST", "drone system time", "JJ", OF(syst), BOOT_CLOCK(1)},
	{"BPOS", "controller position", "lllfffff", OF(bpos), 0, 0},
	{"ESCS", "drone motor controllers", "JSSSSSSSSssssSSSSSSSSSSSSSSSSB", OF(escs), BOOT_CLOCK(1e-6)},
	{"SCPR", "drone pressure", "Lffs", OF(scpr), BOOT_CLOCK(1)},
	{"CYTS", "gimbal status", "LLLLLfffBB", OF(cyts), GIMBAL_CLOCK},
	{"CSEN", "gimbal sensors", "LffffffLLLL", OF(csen), GIMBAL_CLOCK},
	{NULL, NULL, NULL, 0, NULL, 0, 0},
};

const EpGpmfKnown *
ep_gpmf_known_find(const char *fourcc, const char *types, unsigned count)
{
	for (const EpGpmfKnown *k = known; k->fourcc != NULL; k++)
		if (k->count > 0 && k->count == count && strcmp(k->fourcc, fourcc) == 0 &&
			(k->types == NULL || strcmp(k->types, types) == 0))
			return k;
	return NULL;
}

const EpGpmfKnown *
ep_gpmf_known_all(void)
{
	return known;
}
