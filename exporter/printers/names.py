"""Enumerations of RFC 2790, RFC 3805 and the IANA-PRINTER-MIB (2016), by number."""

# hrPrinterStatus
PRINTER_STATES = {1: "other", 2: "unknown", 3: "idle", 4: "printing", 5: "warmup"}

# hrPrinterDetectedErrorState: bit 0 is the most significant bit of the first octet.
ERROR_BITS = (
    "low_paper",
    "no_paper",
    "low_toner",
    "no_toner",
    "door_open",
    "jammed",
    "taken_offline",
    "service_requested",
    "input_tray_missing",
    "output_tray_missing",
    "marker_supply_missing",
    "output_near_full",
    "output_full",
    "input_tray_empty",
    "overdue_maintenance",
)

# prtMarkerSuppliesType to our `kind`: several types are one thing to whoever has to order it.
SUPPLY_KINDS = {
    1: "other",
    2: "other",
    3: "toner",
    4: "waste_toner",
    5: "ink",
    6: "ink",
    7: "ribbon",
    8: "waste_ink",
    9: "drum",
    10: "developer",
    11: "fuser_oil",
    12: "solid_wax",
    13: "ribbon",
    14: "waste_wax",
    15: "fuser",
    16: "corona_wire",
    17: "fuser_oil_wick",
    18: "cleaner",
    19: "fuser_cleaning_pad",
    20: "transfer_unit",
    21: "toner",
    22: "fuser_oiler",
    23: "water",
    24: "waste_water",
    25: "glue_water_additive",
    26: "waste_paper",
    27: "binding_supply",
    28: "banding_supply",
    29: "stitching_wire",
    30: "shrink_wrap",
    31: "paper_wrap",
    32: "staples",
    33: "inserts",
    34: "covers",
    35: "toner",
    36: "ink",
}

# prtMarkerSuppliesSupplyUnit, prtInputCapacityUnit and prtMarkerCounterUnit share their numbers.
UNITS = {
    1: "other",
    2: "unknown",
    3: "tenThousandthsOfInches",
    4: "micrometers",
    5: "characters",
    6: "lines",
    7: "impressions",
    8: "sheets",
    9: "dotRow",
    11: "hours",
    12: "thousandthsOfOunces",
    13: "tenthsOfGrams",
    14: "hundredthsOfFluidOunces",
    15: "tenthsOfMilliliters",
    16: "feet",
    17: "meters",
    18: "items",
    19: "percent",
}
IMPRESSIONS, SHEETS = 7, 8

# prtInputType to our `kind` of tray.
TRAY_KINDS = {
    1: "other",
    2: "other",
    3: "removable",
    4: "fixed",
    5: "manual",
    6: "roll",
    7: "fanfold",
    8: "pull",
}

# prtCoverStatus
COVER_OPEN = {3: True, 4: False, 5: True, 6: False}

# prtAlertSeverityLevel
SEVERITY_OTHER, SEVERITY_CRITICAL = 1, 3

# prtAlertTrainingLevel
TRAINING = {
    1: "other",
    2: "unknown",
    3: "untrained",
    4: "trained",
    5: "fieldService",
    6: "management",
    7: "noInterventionRequired",
}

# prtAlertGroup; 30 to 33 from the Finisher MIB (RFC 3806)
GROUP_INPUT, GROUP_MARKER_SUPPLIES = 8, 11
ALERT_GROUPS = {
    1: "other",
    2: "unknown",
    3: "hostResourcesMIBStorageTable",
    4: "hostResourcesMIBDeviceTable",
    5: "generalPrinter",
    6: "cover",
    7: "localization",
    GROUP_INPUT: "input",
    9: "output",
    10: "marker",
    GROUP_MARKER_SUPPLIES: "markerSupplies",
    12: "markerColorant",
    13: "mediaPath",
    14: "channel",
    15: "interpreter",
    16: "consoleDisplayBuffer",
    17: "consoleLights",
    18: "alert",
    30: "finDevice",
    31: "finSupply",
    32: "finSupplyMediaInput",
    33: "finAttribute",
}

# prtAlertCode
ALERT_CODES = {
    1: "other",
    2: "unknown",
    3: "coverOpen",
    4: "coverClosed",
    5: "interlockOpen",
    6: "interlockClosed",
    7: "configurationChange",
    8: "jam",
    9: "subunitMissing",
    10: "subunitLifeAlmostOver",
    11: "subunitLifeOver",
    12: "subunitAlmostEmpty",
    13: "subunitEmpty",
    14: "subunitAlmostFull",
    15: "subunitFull",
    16: "subunitNearLimit",
    17: "subunitAtLimit",
    18: "subunitOpened",
    19: "subunitClosed",
    20: "subunitTurnedOn",
    21: "subunitTurnedOff",
    22: "subunitOffline",
    23: "subunitPowerSaver",
    24: "subunitWarmingUp",
    25: "subunitAdded",
    26: "subunitRemoved",
    27: "subunitResourceAdded",
    28: "subunitResourceRemoved",
    29: "subunitRecoverableFailure",
    30: "subunitUnrecoverableFailure",
    31: "subunitRecoverableStorageError",
    32: "subunitUnrecoverableStorageError",
    33: "subunitMotorFailure",
    34: "subunitMemoryExhausted",
    35: "subunitUnderTemperature",
    36: "subunitOverTemperature",
    37: "subunitTimingFailure",
    38: "subunitThermistorFailure",
    501: "doorOpen",
    502: "doorClosed",
    503: "powerUp",
    504: "powerDown",
    505: "printerNMSReset",
    506: "printerManualReset",
    507: "printerReadyToPrint",
    801: "inputMediaTrayMissing",
    802: "inputMediaSizeChange",
    803: "inputMediaWeightChange",
    804: "inputMediaTypeChange",
    805: "inputMediaColorChange",
    806: "inputMediaFormPartsChange",
    807: "inputMediaSupplyLow",
    808: "inputMediaSupplyEmpty",
    809: "inputMediaChangeRequest",
    810: "inputManualInputRequest",
    811: "inputTrayPositionFailure",
    812: "inputTrayElevationFailure",
    813: "inputCannotFeedSizeSelected",
    901: "outputMediaTrayMissing",
    902: "outputMediaTrayAlmostFull",
    903: "outputMediaTrayFull",
    904: "outputMailboxSelectFailure",
    1001: "markerFuserUnderTemperature",
    1002: "markerFuserOverTemperature",
    1003: "markerFuserTimingFailure",
    1004: "markerFuserThermistorFailure",
    1005: "markerAdjustingPrintQuality",
    1101: "markerTonerEmpty",
    1102: "markerInkEmpty",
    1103: "markerPrintRibbonEmpty",
    1104: "markerTonerAlmostEmpty",
    1105: "markerInkAlmostEmpty",
    1106: "markerPrintRibbonAlmostEmpty",
    1107: "markerWasteTonerReceptacleAlmostFull",
    1108: "markerWasteInkReceptacleAlmostFull",
    1109: "markerWasteTonerReceptacleFull",
    1110: "markerWasteInkReceptacleFull",
    1111: "markerOpcLifeAlmostOver",
    1112: "markerOpcLifeOver",
    1113: "markerDeveloperAlmostEmpty",
    1114: "markerDeveloperEmpty",
    1115: "markerTonerCartridgeMissing",
    1301: "mediaPathMediaTrayMissing",
    1302: "mediaPathMediaTrayAlmostFull",
    1303: "mediaPathMediaTrayFull",
    1304: "mediaPathCannotDuplexMediaSelected",
    1501: "interpreterMemoryIncrease",
    1502: "interpreterMemoryDecrease",
    1503: "interpreterCartridgeAdded",
    1504: "interpreterCartridgeDeleted",
    1505: "interpreterResourceAdded",
    1506: "interpreterResourceDeleted",
    1507: "interpreterResourceUnavailable",
    1509: "interpreterComplexPageEncountered",
    1801: "alertRemovalOfBinaryChangeEntry",
}
ALERT_BOOKKEEPING = 1801

# Codes that tell what happens in a healthy printer's day: power, energy saving, readiness, reconfiguration.
INFORMATION_CODES = frozenset(
    {4, 6, 7, 19, 20, 23, 24, 25, 26, 27, 28, 502, 503, 505, 506, 507, 1005, ALERT_BOOKKEEPING}
)

# prtAlertCode subunitPowerSaver
POWER_SAVER = 23

# Below critical it says that a Kyocera sleeps or warms up.
FUSER_COLD = 1001

# Codes of an input tray that is empty, low or waiting for a person to feed it.
TRAY_EMPTY_CODES = frozenset({9, 12, 13, 801, 807, 808, 809, 810})

# prtLocalizationCharacterSet (IANA MIBenum) to Python codecs
CHARSETS = {
    3: "ascii",
    4: "latin-1",
    5: "iso8859-2",
    8: "iso8859-5",
    12: "iso8859-9",
    17: "shift_jis",
    18: "euc_jp",
    38: "euc_kr",
    39: "iso2022_jp",
    106: "utf-8",
    109: "iso8859-13",
    111: "iso8859-15",
    113: "gbk",
    114: "gb18030",
    1000: "utf-16-be",
    1013: "utf-16-be",
    1014: "utf-16-le",
    1015: "utf-16",
    2004: "hp-roman8",
    2009: "cp850",
    2011: "cp437",
    2024: "cp932",
    2025: "gb2312",
    2026: "big5",
    2027: "mac-roman",
    2084: "koi8-r",
    2088: "koi8-u",
    2109: "cp874",
    2250: "cp1250",
    2251: "cp1251",
    2252: "cp1252",
    2253: "cp1253",
    2254: "cp1254",
    2259: "tis-620",
}
