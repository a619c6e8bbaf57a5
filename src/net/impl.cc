// The separately compiled parts of Beast and of Asio's TLS, once for the whole project.
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
