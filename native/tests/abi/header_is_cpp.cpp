// Compiles the header as C++17, twice over.

#include <type_traits>

#include "pagoda/pagoda.h"

// Once more: the second time must do nothing.
#include "pagoda/pagoda.h"

static_assert(std::is_standard_layout_v<pagoda_error>);
static_assert(std::is_standard_layout_v<pagoda_struct_field>);
static_assert(std::is_standard_layout_v<pagoda_device_description>);

int main() { return PAGODA_STATUS_OK; }
