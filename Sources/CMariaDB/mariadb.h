#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdbool.h>

/* Whether the server takes one statement for many rows in one packet (COM_STMT_BULK_EXECUTE). Swift does not see functions
   of variable arity. */
static inline bool mariadb_executes_in_bulk(MYSQL *handle) {
    unsigned long capabilities = 0;
    if (mariadb_get_infov(handle, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities) != 0) return false;
    return (capabilities & (unsigned long)(MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)) != 0;
}
