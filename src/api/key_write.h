#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "dcs/model.h"
#include "dcs/values.h"
#include "ha/mailbox.h"

namespace tanist::api {

/// Writes a key of the store through the control thread, if `condition` holds; `patience` bounds the write.
/// Always an outcome: `unavailable` where control has not begun with it, `unknown` where it has and does not
/// answer in time: the write may still happen.
Task<dcs::WriteResult> write_key(ha::Mailbox& mailbox, Clock& clock, dcs::Record record,
                                 dcs::Condition condition, Duration patience);

}  // namespace tanist::api
